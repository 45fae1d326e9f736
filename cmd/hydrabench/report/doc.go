// Package report is what hydrabench prints: figures, their medians over the
// rounds, bounds that they have to keep, and the table, JSON and chart of them.
package report
