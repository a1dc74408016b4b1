// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// inventory is one mutex around one map, which every request needs.
type inventory struct {
	mu    sync.Mutex
	stock map[int]*product
	views map[int]int
}

type product struct {
	available int
	reserved  int
}

// Every so many-th product is never in stock.
const soldOutEvery = 25

func newInventory(products int) *inventory {
	inv := &inventory{stock: make(map[int]*product, products), views: map[int]int{}}
	for id := 0; id < products; id++ {
		p := &product{available: 1 << 30}
		if id%soldOutEvery == 0 {
			p.available = 0
		}
		inv.stock[id] = p
	}
	return inv
}

func (inv *inventory) handleProduct(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/products/"))
	if err != nil {
		http.Error(w, "GET /products/NUMBER", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "{\"product\":%d,\"available\":%d}\n", id, inv.lookUp(id))
}

// lookUp counts the view, too: a read that needs the lock for writing.
func (inv *inventory) lookUp(id int) int {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.views[id]++
	if p := inv.stock[id]; p != nil {
		return p.available
	}
	return 0
}

func (inv *inventory) reserve(id int) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	p := inv.stock[id]
	if p == nil || p.available == 0 {
		return false
	}
	p.available--
	p.reserved++
	return true
}

// audit walks over the whole stock with the lock held.
func (inv *inventory) audit() (reserved int) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, p := range inv.stock {
		reserved += p.reserved
	}
	return reserved
}

func (inv *inventory) auditPeriodically(every time.Duration) {
	for {
		time.Sleep(every)
		inv.audit()
	}
}
