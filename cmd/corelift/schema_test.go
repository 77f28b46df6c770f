package main

import (
	"bytes"
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
)

// TestSchema checks documents in which every field is set, and empty ones,
// against the schemas, and that the schemas describe no field that is not.
func TestSchema(t *testing.T) {
	full := converted{}
	fill(reflect.ValueOf(&full).Elem(), 0)
	full.Schema = convertSchema
	for i := range full.Cores {
		full.Cores[i].Info.Schema = inspect.InfoSchema
	}
	empty := &inspect.Info{Schema: inspect.InfoSchema, Threads: []inspect.Thread{{}}, Memory: []inspect.Region{}, Input: inspect.Input{Dumps: []inspect.Found{}}}
	for _, c := range []struct {
		schema   string
		document any
		all      bool
	}{
		{"info.json", full.Cores[0].Info, true},
		{"info.json", empty, false},
		{"convert.json", full, true},
		{"convert.json", converted{Schema: convertSchema, Cores: []convertedCore{}}, false},
	} {
		s := newSchemas(t)
		var text bytes.Buffer
		if err := printJSON(&text, c.document); err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(text.Bytes(), &value); err != nil {
			t.Fatal(err)
		}
		s.check(c.schema, s.load(c.schema), value, c.schema)
		if c.all {
			s.unseen(c.schema, s.load(c.schema))
		}
	}
}

// fill sets every field to something that is not zero.
func fill(v reflect.Value, depth int) {
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
	if name, ok := strings.CutPrefix(ref, "#/$defs/"); ok {
		definition, ok := s.load(file)["$defs"].(map[string]any)[name].(map[string]any)
		if !ok {
			s.t.Fatalf("%s: no definition %s", file, name)
		}
		return file, definition, file + "#" + name
	}
	return ref, s.load(ref), ref
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
