// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command gen-layouts writes user/target/layout_table.c: offsets of runtime structs from the DWARF
// of a small program built with each toolchain, and the wait reasons from its runtime's source.
//
//	gen-layouts user/target/layout.h build/deps/go/1.19 build/deps/go/1.21 ... >layout_table.c
package main

import (
	"bufio"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
)

// sample uses every type the table asks for, so that the linker keeps their DWARF.
const sample = `package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

var (
	mu   sync.Mutex
	rw   sync.RWMutex
	wg   sync.WaitGroup
	cond = sync.NewCond(&mu)
	pool sync.Pool
	m    sync.Map
	once sync.Once
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c := make(chan int)
	wg.Add(1)
	go func() {
		mu.Lock()
		cond.Signal()
		mu.Unlock()
		wg.Done()
		c <- 1
	}()
	select {
	case <-c:
	case <-ctx.Done():
	}
	rw.RLock()
	rw.RUnlock()
	rw.Lock()
	rw.Unlock()
	wg.Wait()
	pool.Put(1)
	m.Store(1, 1)
	once.Do(func() {})
	_, err := http.Get("http://127.0.0.1:1/")
	fmt.Println(err)
}
`

type field struct{ name, structName, fieldName string }

// lists are those of layout.h: what to look for.
type lists struct{ fields, aliases, sizes, constants []field }

type version struct {
	minor   int
	offsets map[string]int64
	reasons map[int]string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen-layouts: ")
	if len(os.Args) < 3 {
		log.Fatal("usage: gen-layouts layout.h GOROOT...")
	}
	wanted, err := readLists(os.Args[1])
	check(err)
	var versions []version
	for _, root := range os.Args[2:] {
		v, err := readVersion(root, wanted)
		check(err)
		versions = append(versions, v)
	}
	sort.Slice(versions, func(i, j int) bool { return versions[i].minor < versions[j].minor })
	write(wanted, versions)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func readLists(header string) (lists, error) {
	text, err := os.ReadFile(header)
	if err != nil {
		return lists{}, err
	}
	found := lists{
		fields:  rows(string(text), "LAYOUT_FIELDS"),
		aliases: rows(string(text), "LAYOUT_ALIASES"),
		sizes:   rows(string(text), "LAYOUT_SIZES"),
		// structName is the file, fieldName the constant
		constants: rows(string(text), "LAYOUT_CONSTANTS"),
	}
	if len(found.fields) == 0 || len(found.aliases) == 0 || len(found.sizes) == 0 ||
		len(found.constants) == 0 {
		return found, errors.New("no LAYOUT_FIELDS, _ALIASES, _SIZES or _CONSTANTS in " + header)
	}
	return found, nil
}

// rows gives the lines X(name, "struct", "field") of one macro; "field" is missing for sizes.
func rows(header, macro string) []field {
	body := regexp.MustCompile(`(?m)^#define ` + macro + `\(X\)(?:.*\\\n)*.*$`).FindString(header)
	row := regexp.MustCompile(`(?m)^\tX\((\w+),\s*"([^"]+)"(?:,\s*"([^"]+)")?\)`)
	var fields []field
	for _, m := range row.FindAllStringSubmatch(body, -1) {
		fields = append(fields, field{m[1], m[2], m[3]})
	}
	return fields
}

func readVersion(root string, wanted lists) (version, error) {
	v := version{offsets: map[string]int64{}}
	dir, err := os.MkdirTemp("", "gen-layouts-")
	if err != nil {
		return v, err
	}
	defer os.RemoveAll(dir)
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(sample), 0o600); err != nil {
		return v, err
	}
	binary := filepath.Join(dir, "sample")
	build := exec.Command(filepath.Join(root, "bin", "go"), "build", "-o", binary, source)
	build.Env = append(os.Environ(), "GO111MODULE=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
		"GOROOT=", "GOOS=linux", "GOARCH=amd64")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return v, fmt.Errorf("%s: %w", root, err)
	}
	if v.minor, err = readMinor(root); err != nil {
		return v, err
	}
	structs, err := readStructs(binary)
	if err != nil {
		return v, err
	}
	for _, f := range append(append([]field{}, wanted.fields...), wanted.aliases...) {
		if _, found := v.offsets[f.name]; !found {
			v.take(structs, f)
		}
	}
	for _, f := range wanted.sizes {
		if s := structs[f.structName]; s != nil {
			v.offsets[f.name] = s.ByteSize
		}
	}
	for _, f := range wanted.constants {
		value, found, err := readConstant(
			filepath.Join(root, "src", "runtime", f.structName), f.fieldName)
		if err != nil {
			return v, err
		}
		if found {
			v.offsets[f.name] = value
		}
	}
	v.reasons, err = readReasons(filepath.Join(root, "src", "runtime", "runtime2.go"))
	return v, err
}

func readMinor(root string) (int, error) {
	file, err := os.Open(filepath.Join(root, "VERSION"))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Scan()
	m := regexp.MustCompile(`^go1\.(\d+)`).FindStringSubmatch(scanner.Text())
	if m == nil {
		return 0, fmt.Errorf("%s: no version in %q", root, scanner.Text())
	}
	return strconv.Atoi(m[1])
}

func readStructs(binary string) (map[string]*dwarf.StructType, error) {
	file, err := elf.Open(binary)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	structs := map[string]*dwarf.StructType{}
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			return structs, nil
		}
		if entry.Tag != dwarf.TagStructType {
			continue
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		t, err := data.Type(entry.Offset)
		if err != nil {
			return nil, err
		}
		if s, ok := t.(*dwarf.StructType); ok && structs[name] == nil {
			structs[name] = s
		}
	}
}

func (v *version) take(structs map[string]*dwarf.StructType, f field) {
	if s := structs[f.structName]; s != nil {
		for _, member := range s.Field {
			if member.Name == f.fieldName {
				v.offsets[f.name] = member.ByteOffset
			}
		}
	}
}

// readConstant finds `name = literal` in the constants of a file.
func readConstant(path, name string) (int64, bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return 0, false, err
	}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			value := spec.(*ast.ValueSpec)
			if len(value.Names) != 1 || value.Names[0].Name != name || len(value.Values) != 1 {
				continue
			}
			literal, ok := value.Values[0].(*ast.BasicLit)
			if !ok {
				return 0, false, fmt.Errorf("%s: %s is not a plain number", path, name)
			}
			number, err := strconv.ParseInt(literal.Value, 0, 64)
			return number, err == nil, err
		}
	}
	return 0, false, nil
}

// readReasons evaluates the constants of type waitReason and the table waitReasonStrings.
func readReasons(path string) (map[int]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	values, texts := map[string]int{}, map[string]string{}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		if general.Tok == token.CONST && isReasonBlock(general) {
			for i, spec := range general.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					values[name.Name] = i
				}
			}
		}
		if general.Tok == token.VAR {
			collectTexts(general, texts)
		}
	}
	reasons := map[int]string{}
	for name, text := range texts {
		value, ok := values[name]
		if !ok {
			return nil, fmt.Errorf("%s: %s has no value", path, name)
		}
		reasons[value] = text
	}
	if len(reasons) < 20 {
		return nil, fmt.Errorf("%s: only %d wait reasons", path, len(reasons))
	}
	return reasons, nil
}

func isReasonBlock(decl *ast.GenDecl) bool {
	first, ok := decl.Specs[0].(*ast.ValueSpec)
	if !ok {
		return false
	}
	ident, ok := first.Type.(*ast.Ident)
	return ok && ident.Name == "waitReason"
}

func collectTexts(decl *ast.GenDecl, texts map[string]string) {
	for _, spec := range decl.Specs {
		value := spec.(*ast.ValueSpec)
		if value.Names[0].Name != "waitReasonStrings" || len(value.Values) == 0 {
			continue
		}
		for _, element := range value.Values[0].(*ast.CompositeLit).Elts {
			pair := element.(*ast.KeyValueExpr)
			text, err := strconv.Unquote(pair.Value.(*ast.BasicLit).Value)
			check(err)
			texts[pair.Key.(*ast.Ident).Name] = text
		}
	}
}

func write(wanted lists, versions []version) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, "// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause")
	fmt.Fprintln(out, "/* Generated by scripts/gen-layouts from DWARF and the runtime's source: do not edit. */")
	fmt.Fprintln(out, "/* clang-format off */")
	fmt.Fprintln(out, "#include \"target/layout_table.h\"")
	fmt.Fprintln(out)
	fmt.Fprintln(out, "const struct layout layout_rows[] = {")
	for _, v := range versions {
		fmt.Fprintf(out, "\t{\n\t\t.minor = %d,\n", v.minor)
		all := append(append([]field{}, wanted.fields...), wanted.sizes...)
		for _, f := range append(all, wanted.constants...) {
			if offset, found := v.offsets[f.name]; found {
				fmt.Fprintf(out, "\t\t.%s = %d,\n", f.name, offset)
			} else {
				fmt.Fprintf(out, "\t\t.%s = LAYOUT_ABSENT,\n", f.name)
			}
		}
		fmt.Fprintln(out, "\t},")
	}
	fmt.Fprintln(out, "};")
	fmt.Fprintln(out, "const size_t layout_row_count = sizeof(layout_rows) / sizeof(layout_rows[0]);")
	fmt.Fprintln(out)
	for _, v := range versions {
		fmt.Fprintf(out, "static const char *const reasons_%d[] = {\n", v.minor)
		var order []int
		for value := range v.reasons {
			order = append(order, value)
		}
		sort.Ints(order)
		for _, value := range order {
			fmt.Fprintf(out, "\t[%d] = %s,\n", value, strconv.Quote(v.reasons[value]))
		}
		fmt.Fprintln(out, "};")
	}
	fmt.Fprintln(out)
	fmt.Fprintln(out, "const struct wait_reasons wait_reason_rows[] = {")
	for _, v := range versions {
		fmt.Fprintf(out, "\t{ %d, reasons_%d, sizeof(reasons_%d) / sizeof(reasons_%d[0]) },\n",
			v.minor, v.minor, v.minor, v.minor)
	}
	fmt.Fprintln(out, "};")
	fmt.Fprintln(out, "const size_t wait_reason_row_count = sizeof(wait_reason_rows) / sizeof(wait_reason_rows[0]);")
}
