package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Serving is where this machine is reached: what the last capitol on that
// address said. It stays when the capitol ends, for codes that are made meanwhile.
type Serving struct {
	Listen string    // as it was configured
	Since  time.Time `json:"-"`
	TLS    bool      // false: plain, or TLS ends at a proxy
	Proxy  bool      // behind one
	Pin    string    // of the certificate; "" if authorities vouch for it
	Names  []string  // that authorities vouch for
	Trees  []string  // bytes
}

type servingLine struct {
	Serving
	Trees [][]byte
}

// Serves notes where trees are served now.
func (l *Ledger) Serves(ctx context.Context, s Serving) error {
	line := servingLine{Serving: s}
	for _, t := range s.Trees {
		line.Trees = append(line.Trees, []byte(t))
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = l.write.ExecContext(ctx, "INSERT OR REPLACE INTO serving VALUES (?, ?, ?)", s.Listen, stamp(l.now()), text)
	if err != nil {
		return fmt.Errorf("note where trees are served: %w", err)
	}
	return nil
}

// Serving lists where, the newest first.
func (l *Ledger) Serving(ctx context.Context) (all []Serving, err error) {
	rows, err := l.read.QueryContext(ctx, "SELECT since, line FROM serving ORDER BY since DESC")
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var since int64
		var text []byte
		if err := rows.Scan(&since, &text); err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		var line servingLine
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		line.Serving.Since = at(since)
		for _, t := range line.Trees {
			line.Serving.Trees = append(line.Serving.Trees, string(t))
		}
		all = append(all, line.Serving)
	}
	return all, rows.Err()
}
