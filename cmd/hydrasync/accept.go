package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/pelletier/go-toml/v2"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/plan"
)

// sourceConf says how this machine proves itself at a source that a plan names: a
// registry may say where to go, never with which secret.
type sourceConf struct {
	URL string `toml:"url"`
	linkConf
}

// accept judges a part of a registry's plan, one highway after the other. What it
// takes writes beneath a root of this machine and is in nobody's way.
func (c *fileConf) accept(part string) (taken []highwayConf, report planReport) {
	report.Version = partVersion(part)
	var told struct {
		Highways []highwayConf `toml:"highway"`
	}
	d := toml.NewDecoder(bytes.NewReader([]byte(part))).DisallowUnknownFields().EnableUnmarshalerInterface()
	if err := d.Decode(&told); err != nil {
		report.Error = explainTOML("plan", err).Error()
		return nil, report
	}
	if i, key, found := plan.Foreign(part, append(linkKeys(), "city")); found {
		report.Error = fmt.Sprintf("highway to %s: a plan may not set %s", strconv.Quote(told.Highways[i].To), key)
		return nil, report
	}
	sources, targets := c.placesHere()
	for _, h := range told.Highways {
		h.machine = c.Name
		h.defaults()
		dst, err := c.acceptOne(&h, sources, targets)
		if err != nil {
			report.Refused = append(report.Refused, refusedHighway{To: h.To, Why: err.Error(), Hint: hintOf(err)})
			continue
		}
		targets = append(targets, dst)
		taken = append(taken, h)
	}
	report.Accepted = len(taken)
	return taken, report
}

// linkKeys are the keys of what proves a machine and whom it believes.
func linkKeys() []string { return knownKeys(reflect.TypeFor[linkConf](), nil) }

func (c *fileConf) acceptOne(h *highwayConf, sources []place, others []target) (target, error) {
	if p := h.problem(""); p != nil {
		return target{}, usage(p.instead, "%s", p.text)
	}
	if h.ServeAs != "" && !c.serves() {
		return target{}, usage("write [serve] into that machine's file", "tree %s is to be served on, and this machine serves nothing", strconv.Quote(h.ServeAs))
	}
	if err := c.withinRoots(h.To); err != nil {
		return target{}, err
	}
	dst, err := findTarget(h.To)
	if err == nil {
		err = checkTarget(dst, sources, others)
	}
	if err != nil {
		return target{}, err
	}
	h.To = dst.full()
	h.links, h.Proxy = nil, c.Registry.Proxy // this machine's own way out
	h.boundsConf.within(&c.Bounds)
	for _, from := range h.Sources {
		h.links = append(h.links, c.linkTo(from))
		h.Insecure = h.Insecure || h.links[len(h.links)-1].Insecure
	}
	return dst, nil
}

// withinRoots refuses a destination that is not beneath a root, however links lead
// there, and makes the directories on the way to one that is.
func (c *fileConf) withinRoots(to string) error {
	hint := "write roots = [" + strconv.Quote(filepath.Dir(to)) + "] into that machine's file if it is meant"
	at, err := nearest(to)
	if err != nil {
		return usage(hint, "destination %s: %w", strconv.Quote(to), err)
	}
	for _, dir := range c.Roots {
		root, err := findPlace(dir)
		if err != nil || !plan.Beneath(to, dir) || filepath.Clean(to) == filepath.Clean(dir) {
			continue
		}
		if inside, err := at.inside(root); err != nil || !inside {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return usage("check the permissions of the root", "make the directory above destination: %w", err)
		}
		return nil
	}
	return usage(hint, "destination %s is beneath none of this machine's roots", strconv.Quote(to))
}

// linkTo is what this machine's own file says about a source.
func (c *fileConf) linkTo(from string) linkConf {
	base, _, _ := httpBase(from)
	if own, _, err := httpBase(c.Registry.From); err == nil && own == base {
		return c.Registry.link()
	}
	for _, l := range c.Links {
		if own, _, err := httpBase(l.URL); err == nil && own == base {
			return l.linkConf
		}
	}
	return linkConf{}
}

// placesHere are the directories that this machine's own file takes.
func (c *fileConf) placesHere() (sources []place, targets []target) {
	for _, t := range c.trees() {
		if src, err := findSource(t.Dir); err == nil {
			sources = append(sources, src)
		}
	}
	for _, h := range c.highways() {
		if dst, err := findTarget(h.To); err == nil {
			targets = append(targets, dst)
		}
	}
	return sources, targets
}
