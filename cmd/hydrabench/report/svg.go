package report

// SVG is the chart.
func (t *Table) SVG() string { return "" }
