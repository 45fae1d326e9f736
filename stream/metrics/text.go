package metrics

import (
	"slices"
	"strconv"
	"strings"
)

// ContentType is that of the text that [Append] writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind says how a figure behaves.
type Kind string

// The kinds. A counter never falls.
const (
	Counter Kind = "counter"
	Gauge   Kind = "gauge"
	Summary Kind = "summary"
)

// Family is a figure with what is known of it.
type Family struct {
	Name    string
	Kind    Kind
	Help    string
	Samples []Sample
}

// Sample is one value of a family.
type Sample struct {
	Suffix string   // of the name; summaries have _sum and _count
	Labels []string // key, value, key, value …, ascending by key; values are UTF-8
	Value  float64
}

// One is a family of one sample without labels.
func One(name string, kind Kind, help string, value float64) Family {
	return Family{name, kind, help, []Sample{{Value: value}}}
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// Append appends the families, in the order of their names, in the text format:
// https://prometheus.io/docs/instrumenting/exposition_formats. A family
// without samples is left out.
func Append(b []byte, families []Family) []byte {
	var texts []string
	for _, f := range families {
		if len(f.Samples) > 0 {
			texts = append(texts, string(f.append(nil)))
		}
	}
	slices.Sort(texts) // each begins with its name
	return append(b, strings.Join(texts, "")...)
}

func (f *Family) append(b []byte) []byte {
	b = append(b, "# HELP "+f.Name+" "+helpEscapes.Replace(f.Help)+"\n# TYPE "+f.Name+" "+string(f.Kind)+"\n"...)
	for _, s := range f.Samples {
		b = append(b, f.Name+s.Suffix...)
		b = appendLabels(b, s.Labels)
		b = append(strconv.AppendFloat(append(b, ' '), s.Value, 'g', -1, 64), '\n')
	}
	return b
}

func appendLabels(b []byte, labels []string) []byte {
	for i := 0; i+1 < len(labels); i += 2 {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		b = append(append(b, before), labels[i]+`="`+labelEscapes.Replace(labels[i+1])+`"`...)
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	return b
}
