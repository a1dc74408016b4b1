// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command textcmp PID compares the code that a process runs with the file it was loaded from, and
// prints how many bytes differ: breakpoints that are in place, or that a tracer left behind.
// With -wait it looks again and again until some differ (or, with -wait -none, until none does)
// and exits 1 when that does not happen in time.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

var (
	wait    = flag.Bool("wait", false, "until bytes differ")
	none    = flag.Bool("none", false, "with -wait: until no byte differs")
	timeout = flag.Duration("timeout", 20*time.Second, "how long to wait")
	list    = flag.Bool("list", false, "print the addresses")
)

type mapping struct {
	start, end, offset uint64
}

func fatal(err error) {
	fmt.Fprintf(os.Stderr, "textcmp: %v\n", err)
	os.Exit(2)
}

// code lists the executable mappings of the program itself.
func code(pid int) (found []mapping, err error) {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return nil, err
	}
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		line := lines.Text()
		words := strings.Fields(line)
		if len(words) < 6 || !strings.Contains(words[1], "x") || !strings.HasSuffix(line, " "+exe) {
			continue
		}
		var m mapping
		if _, err := fmt.Sscanf(words[0], "%x-%x", &m.start, &m.end); err != nil {
			return nil, err
		}
		if m.offset, err = strconv.ParseUint(words[2], 16, 64); err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	if len(found) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("process %d maps no code of %s", pid, exe)
	}
	return found, lines.Err()
}

// compare reads both sides in pieces.
func compare(pid int, maps []mapping) (differ int, err error) {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return 0, err
	}
	defer memory.Close()
	file, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	loaded, stored := make([]byte, 1<<20), make([]byte, 1<<20)
	for _, m := range maps {
		for at := m.start; at < m.end; at += uint64(len(loaded)) {
			n := len(loaded)
			if left := m.end - at; left < uint64(n) {
				n = int(left)
			}
			got, err := memory.ReadAt(loaded[:n], int64(at))
			if got < n {
				return 0, err
			}
			// The last page goes on after the end of the file.
			got, err = file.ReadAt(stored[:n], int64(m.offset+at-m.start))
			if err != nil && err != io.EOF {
				return 0, err
			}
			for i := 0; i < got; i++ {
				if loaded[i] != stored[i] {
					differ++
					if *list {
						fmt.Printf("%#x %02x %02x\n", at+uint64(i), stored[i], loaded[i])
					}
				}
			}
		}
	}
	return differ, nil
}

func main() {
	flag.Parse()
	pid, err := strconv.Atoi(flag.Arg(0))
	if err != nil || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: textcmp [-wait [-none]] [-timeout D] [-list] PID")
		os.Exit(2)
	}
	deadline := time.Now().Add(*timeout)
	for {
		maps, err := code(pid)
		if err != nil {
			fatal(err)
		}
		differ, err := compare(pid, maps)
		if err != nil {
			fatal(err)
		}
		if !*wait || (differ == 0) == *none {
			fmt.Println(differ)
			return
		}
		if time.Now().After(deadline) {
			fmt.Println(differ)
			os.Exit(1)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
