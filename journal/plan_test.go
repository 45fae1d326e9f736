package journal

import (
	"path/filepath"
	"strings"
	"testing"
)

// No query may go through a table: what it costs has to follow what it finds.
func TestNoQueryScansATable(t *testing.T) {
	j, err := Open(Config{Path: filepath.Join(t.TempDir(), "journal.db"), Role: Capitol})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	among := "SELECT * FROM nodes WHERE "
	for name, query := range map[string]string{
		"a node":            among + "id = ?",
		"a name":            among + atName,
		"several nodes":     packed(packedRow, among+amongIDs),
		"directories above": packed(packedRow, climb),
		"children":          packed(packedRow, among+childrenOf+" LIMIT ?"),
		"more children":     packed(packedRow, among+childrenAfter+" LIMIT ?"),
		"what goes":         packed(packedRow, among+"parent = ? AND gone = 0 LIMIT ?"),
		"by key":            packed(packedRow, among+byKey+" LIMIT 16"),
		"by link":           packed(packedRow, among+byLink+" LIMIT -1"),
		"nodes in a row":    packed(packedRow, among+nodesAfter),
		"the log":           packed(packedEntry, entriesAfter),
		"the newest":        selectNewest,
		"a stamp":           selectStamp,
		"the next entry":    selectNext,
		"the oldest":        selectOldest,
		"old entries":       deleteEntries,
		"old tombstones":    deleteTombs,
		"taken over":        reparent,
	} {
		t.Run(name, func(t *testing.T) {
			for _, line := range j.explain(t, query) {
				if strings.HasPrefix(line, "SCAN ") && !harmless(line) || strings.Contains(line, "TEMP B-TREE FOR ORDER") {
					t.Errorf("%s\nin %s", line, query)
				}
			}
		})
	}
}

// harmless scans are of what a query itself has made.
func harmless(line string) bool {
	for _, of := range []string{"SCAN json_each", "SCAN up", "SCAN (", "SCAN CONSTANT"} {
		if strings.HasPrefix(line, of) {
			return true
		}
	}
	return false
}

func (j *Journal) explain(t *testing.T, query string) (plan []string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	rows, err := j.readers.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return plan
}
