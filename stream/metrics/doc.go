// Package metrics writes figures as Prometheus reads them, and knows those of
// the Go runtime and of this process. It touches nothing but /proc.
//
// The names, types and texts of the runtime's and the process's figures are those
// of Prometheus' own Go library, so that the usual dashboards and alerts work.
// The library itself would be a tenth of the program.
//
//	your figures ─┐
//	Runtime() ────┼─▶ []Family ─▶ Append ─▶ text/plain; version=0.0.4
//	Process() ────┘
package metrics
