// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"flag"
	"math/rand"
)

var (
	heapMB = flag.Int("heap", 0, "also a heap of so many `MB`: records, tables of them, and bytes")
	lost   = flag.Int("lost", 0, "also goroutines that nothing can wake")
)

// record is 64 bytes: some lead to others.
type record struct {
	id          int
	name        string
	next, other *record
	payload     [3]int
}

var tables [][]*record

var texts [][]byte

// fill makes half of the heap of records, three eighths of tables, and an eighth of bytes.
func fill(bytes int) {
	const perTable = 1024
	recent := make([]*record, perTable)
	for i := 0; i < bytes/2/64; i++ {
		r := &record{id: i, name: "a name", next: recent[rand.Intn(perTable)]}
		r.other = recent[i%perTable]
		recent[i%perTable] = r
		if i%perTable == perTable-1 {
			tables = append(tables, append([]*record(nil), recent...))
		}
	}
	for i, n := 0, bytes*3/8/(perTable*8)-len(tables); i < n; i++ {
		table := make([]*record, perTable)
		for j := range table {
			table[j] = tables[rand.Intn(len(tables))][rand.Intn(perTable)]
		}
		tables = append(tables, table)
	}
	for i := 0; i < bytes/8/4096; i++ {
		texts = append(texts, make([]byte, 4096))
	}
}

func lose(number int) {
	for i := 0; i < number; i++ {
		go park(make(chan struct{}))
	}
}
