package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/inspect"
	"corelift/internal/readelf"
	"corelift/internal/verify"
)

// TestSchema checks documents in which every field is set, and empty ones,
// against the schemas, and that the schemas describe no field that is not.
func TestSchema(t *testing.T) {
	converted := converted{}
	fill(reflect.ValueOf(&converted).Elem(), 0)
	converted.Schema = convertSchema
	for i := range converted.Cores {
		converted.Cores[i].Info.Schema = inspect.InfoSchema
	}
	checkSchema(t, "info.json", converted.Cores[0].Info, true)
	checkSchema(t, "convert.json", converted, true)
	empty := &inspect.Info{Schema: inspect.InfoSchema, Threads: []inspect.Thread{{}}, Memory: []inspect.Region{}, Input: inspect.Input{Dumps: []inspect.Found{}}}
	checkSchema(t, "info.json", empty, false)
	converted.Cores = []convertedCore{}
	checkSchema(t, "convert.json", converted, false)

	emptySide := inspect.Side{Input: inspect.Input{Dumps: []inspect.Found{}}}
	for _, c := range []struct {
		schema, name string
		full, empty  any
	}{
		{"bt.json", inspect.StackSchema, &inspect.Stacks{}, &inspect.Stacks{Stacks: []inspect.Stack{{Frames: []inspect.Frame{{}}}}}},
		{"threads.json", inspect.ThreadsSchema, &inspect.Threads{}, &inspect.Threads{Threads: []inspect.ThreadRow{{}}}},
		{"regs.json", inspect.RegistersSchema, &inspect.RegisterSet{}, &inspect.RegisterSet{Registers: []inspect.FrameRegister{{}}}},
		{"locals.json", inspect.LocalsSchema, &inspect.Locals{}, &inspect.Locals{Arguments: []inspect.Variable{{}}, Locals: []inspect.Variable{}}},
		{"print.json", inspect.PrintSchema, &inspect.Printed{}, &inspect.Printed{Values: []inspect.Answer{{}, {Value: &inspect.Value{}}}}},
		{"examine.json", inspect.ExamineSchema, &inspect.Examined{}, &inspect.Examined{Cells: []inspect.Cell{{}}}},
		{"mem.json", memSchema, &memory{}, &memory{Runs: []memoryRun{{}}}},
		{"list.json", inspect.ListSchema, &inspect.Listing{}, &inspect.Listing{Lines: []inspect.SourceLine{}}},
		{"diff.json", inspect.DifferenceSchema, &inspect.Difference{}, &inspect.Difference{A: emptySide, B: emptySide, Variables: &inspect.VariablesDifference{}}},
		{"verify.json", verifySchema, &verified{}, &verified{Findings: []verify.Finding{}}},
		{"readelf.json", readelf.Schema, &readelf.Document{}, &readelf.Document{
			Header: &readelf.Header{}, Sections: []readelf.Section{{}}, Segments: []readelf.Segment{{}}, Dumps: []readelf.Dump{{}},
			Notes: []readelf.NoteSegment{{Notes: []readelf.Note{{}}}}, Maps: []readelf.Map{{}}}},
		{"symbol.json", inspect.SymbolSchema, &inspect.Symbols{}, &inspect.Symbols{Symbols: []inspect.SymbolRow{{}}}},
	} {
		fill(reflect.ValueOf(c.full).Elem(), 0)
		for _, document := range []any{c.full, c.empty} {
			reflect.ValueOf(document).Elem().FieldByName("Schema").SetString(c.name)
			checkSchema(t, c.schema, document, document == c.full)
		}
	}
}

// checkSchema checks a document; all if it has every field.
func checkSchema(t *testing.T, schema string, document any, all bool) {
	t.Helper()
	s := newSchemas(t)
	var text bytes.Buffer
	if err := printJSON(&text, document); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text.Bytes(), &value); err != nil {
		t.Fatal(err)
	}
	s.check(schema, s.load(schema), value, schema)
	if all {
		s.unseen(schema, s.load(schema))
	}
}

// maxDepth bounds what contains its like.
const maxDepth = 16

// fill sets every field to something that is not zero.
func fill(v reflect.Value, depth int) {
	if !v.CanSet() || depth > maxDepth {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("0x12") // also fits the values of registers
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	default:
		v.SetUint(1)
	}
}

// schemas checks documents against the part of JSON Schema that ours use.
type schemas struct {
	t    *testing.T
	file map[string]map[string]any
	seen map[string]bool // properties, by the schema's place
}

func newSchemas(t *testing.T) *schemas {
	return &schemas{t, map[string]map[string]any{}, map[string]bool{}}
}

func (s *schemas) load(file string) map[string]any {
	if s.file[file] == nil {
		text, err := os.ReadFile(filepath.Join("../../docs/schema", file))
		if err != nil {
			s.t.Fatal(err)
		}
		var schema map[string]any
		if err := json.Unmarshal(text, &schema); err != nil {
			s.t.Fatal(err)
		}
		s.file[file] = schema
	}
	return s.file[file]
}

// resolve follows $ref, to a definition of the file or to another file.
func (s *schemas) resolve(file string, schema map[string]any) (string, map[string]any, string) {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return file, schema, ""
	}
	other, name, ok := strings.Cut(ref, "#/$defs/")
	file = cmp.Or(other, file)
	if !ok {
		return file, s.load(file), file
	}
	definition, ok := s.load(file)["$defs"].(map[string]any)[name].(map[string]any)
	if !ok {
		s.t.Fatalf("%s: no definition %s", file, name)
	}
	return file, definition, file + "#" + name
}

func (s *schemas) check(file string, schema map[string]any, value any, place string) {
	file, schema, name := s.resolve(file, schema)
	if name == "" {
		name = place
	}
	if want, ok := schema["const"]; ok && want != value {
		s.t.Errorf("%s: %v, want %v", place, value, want)
	}
	kind := map[string]string{"string": "string", "bool": "boolean", "float64": "integer", "[]interface {}": "array", "map[string]interface {}": "object"}[fmt.Sprintf("%T", value)]
	if want, ok := schema["type"]; ok && want != kind {
		s.t.Errorf("%s: %s, want %v", place, kind, want)
		return
	}
	switch value := value.(type) {
	case string:
		if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(value) {
			s.t.Errorf("%s: %q does not fit %s", place, value, pattern)
		}
	case []any:
		for i, item := range value {
			s.check(file, schema["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", place, i))
		}
	case map[string]any:
		for _, required := range list(schema["required"]) {
			if _, ok := value[required.(string)]; !ok {
				s.t.Errorf("%s: %v is absent", place, required)
			}
		}
		properties, _ := schema["properties"].(map[string]any)
		for key, item := range value {
			if property, ok := properties[key].(map[string]any); ok {
				s.seen[name+"."+key] = true
				s.check(file, property, item, place+"."+key)
			} else if others, ok := schema["additionalProperties"].(map[string]any); ok {
				s.check(file, others, item, place+"."+key)
			} else {
				s.t.Errorf("%s: %s is not in the schema", place, key)
			}
		}
	}
}

// unseen reports properties of the schema that the document did not have.
func (s *schemas) unseen(file string, schema map[string]any) {
	places := map[string]map[string]any{file: schema}
	definitions, _ := schema["$defs"].(map[string]any)
	for name, d := range definitions {
		places[file+"#"+name] = d.(map[string]any)
	}
	for name, schema := range places {
		properties, _ := schema["properties"].(map[string]any)
		for key := range properties {
			if !s.seen[name+"."+key] {
				s.t.Errorf("%s describes %s, which no document has", name, key)
			}
		}
		for _, required := range list(schema["required"]) {
			if _, ok := properties[required.(string)]; !ok {
				s.t.Errorf("%s requires %v, which it does not describe", name, required)
			}
		}
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return slices.Clip(l)
}
