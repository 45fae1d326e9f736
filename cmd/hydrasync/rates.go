package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/hours"
)

// rates are how many bytes per second a highway takes at most: the first rule that
// is for this hour counts, none is no limit. In a file they are "2MiB" or
// [{at = "08:00-18:00", rate = "2MiB"}, {rate = "10MiB"}]. It is a flag value too.
type rates struct {
	rules []rule
	most  *rates // that another may take at the same hour; nil: it is alone
	bad   error  // what a file says wrong, for [rates.problem]
}

type rule struct {
	at   []hours.Span // none: always
	rate bandwidth
}

var _ unstable.Unmarshaler = (*rates)(nil)

// UnmarshalTOML implements [unstable.Unmarshaler].
func (r *rates) UnmarshalTOML(text []byte) error {
	*r = rates{}
	document := append([]byte("limit = "), text...)
	var one struct{ Limit bandwidth }
	if strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		r.bad = r.readRules(document)
	} else if r.bad = toml.Unmarshal(document, &one); r.bad == nil {
		r.rules = []rule{{rate: one.Limit}}
	}
	return nil
}

func (r *rates) readRules(document []byte) error {
	var list struct {
		Limit []struct {
			At   string
			Rate *bandwidth
		}
	}
	if err := toml.NewDecoder(strings.NewReader(string(document))).DisallowUnknownFields().Decode(&list); err != nil {
		return err
	}
	for _, one := range list.Limit {
		if one.Rate == nil {
			return fmt.Errorf("a limit without a rate")
		}
		rule := rule{rate: *one.Rate}
		if one.At != "" {
			span, err := hours.Parse(one.At)
			if err != nil {
				return err
			}
			rule.at = []hours.Span{span}
		}
		r.rules = append(r.rules, rule)
	}
	return nil
}

// problem is what the file says wrong.
func (r *rates) problem(key string) *problem {
	if r.bad == nil {
		return nil
	}
	return &problem{key, "limit: " + strings.TrimPrefix(r.bad.Error(), "toml: "),
		`write limit = "2MiB", or limit = [{at = "08:00-18:00", rate = "2MiB"}, {rate = "10MiB"}]`}
}

// Set implements pflag.Value: RATE, or HOURS=RATE and more of them.
func (r *rates) Set(text string) error {
	var one rule
	at, amount, timed := strings.Cut(text, "=")
	if !timed {
		amount = text
	} else {
		span, err := hours.Parse(at)
		if err != nil {
			return err
		}
		one.at = []hours.Span{span}
	}
	if err := one.rate.Set(amount); err != nil {
		return err
	}
	r.rules = append(r.rules, one)
	return nil
}

// Type implements pflag.Value.
func (r *rates) Type() string { return "rate" }

// String is for people: the rules in their order.
func (r *rates) String() string {
	var texts []string
	for _, one := range r.rules {
		text := one.rate.String()
		if len(one.at) > 0 {
			text = one.at[0].String() + "=" + text
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// at is the limit of a moment; 0 is none.
func (r *rates) at(t time.Time) bandwidth {
	own := r.own(t)
	if r.most != nil {
		own.size = smaller(own.size, r.most.at(t).size)
	}
	return own
}

func (r *rates) own(t time.Time) bandwidth {
	for _, one := range r.rules {
		if len(one.at) == 0 || one.at[0].Has(t) {
			return one.rate
		}
	}
	return bandwidth{}
}

// timed says whether the limit depends on the hour.
func (r *rates) timed() bool { return len(r.spans()) > 0 }

func (r *rates) spans() (all []hours.Span) {
	for _, one := range r.rules {
		all = append(all, one.at...)
	}
	if r.most != nil {
		all = append(all, r.most.spans()...)
	}
	return all
}

// text is the limit of a moment, for people; "" if there is none.
func (r *rates) text(now time.Time) string {
	limit := r.at(now)
	text := limit.String()
	if limit.size == 0 {
		text = "none"
	}
	until := hours.Next(now, r.spans()...)
	switch {
	case !until.IsZero():
		return text + " until " + until.Format("Mon 15:04")
	case limit.size == 0:
		return ""
	}
	return text
}

// limiter is nil where there is never a limit.
func (r *rates) limiter() *rate.Limiter {
	now := r.at(time.Now())
	if now.size == 0 && !r.timed() {
		return nil
	}
	l := rate.NewLimiter(rate.Inf, 0)
	setLimit(l, now)
	return l
}

// setLimit allows bursts of a tenth of a second, and of one packet at least.
func setLimit(l *rate.Limiter, r bandwidth) {
	if r.size == 0 {
		l.SetLimit(rate.Inf)
		l.SetBurst(1 << 20)
		return
	}
	l.SetLimit(rate.Limit(r.size))
	l.SetBurst(max(int(r.size/10), 64<<10))
}

// keep holds a limiter to the hour until ctx ends.
func (r *rates) keep(ctx context.Context, l *rate.Limiter) error {
	for r.timed() {
		setLimit(l, r.at(time.Now()))
		if !untilHour(ctx, r.spans()) {
			break
		}
	}
	return nil
}

// hourStep is how often the clock is looked at: it may be set, and machines sleep.
const hourStep = time.Minute

// untilHour waits until one of spans may have begun or ended; false if ctx ended.
func untilHour(ctx context.Context, spans []hours.Span) bool {
	wait := hourStep
	if next := hours.Next(time.Now(), spans...); !next.IsZero() {
		wait = min(wait, time.Until(next))
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
