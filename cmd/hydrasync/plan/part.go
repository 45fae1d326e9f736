package plan

import (
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// Parts are the [[highway]] blocks of a file's text, as TOML again, by the city
// that each is for: what it is told. Blocks without a city are of the machine
// that has the file.
func Parts(text []byte) (map[string]string, error) {
	var file struct {
		Highways []map[string]any `toml:"highway"`
	}
	if err := toml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	by := map[string][]map[string]any{}
	for _, h := range file.Highways {
		city, _ := h["city"].(string)
		if city == "" {
			continue
		}
		delete(h, "city")
		by[city] = append(by[city], h)
	}
	parts := map[string]string{}
	for city, blocks := range by {
		part, err := toml.Marshal(map[string]any{"highway": blocks})
		if err != nil {
			return nil, fmt.Errorf("write plan of %s: %w", city, err)
		}
		parts[city] = string(part)
	}
	return parts, nil
}

// Foreign finds in a part the first of some keys that a plan may not set, and says in
// which block, counted from 0.
func Foreign(part string, keys []string) (block int, key string, found bool) {
	var file struct {
		Highways []map[string]any `toml:"highway"`
	}
	if err := toml.Unmarshal([]byte(part), &file); err != nil {
		return 0, "", false
	}
	for i, h := range file.Highways {
		for _, key := range keys {
			if _, has := h[key]; has {
				return i, key, true
			}
		}
	}
	return 0, "", false
}
