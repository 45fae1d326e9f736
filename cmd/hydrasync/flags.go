package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/watcher"
)

// treeConf says how a capitol watches one tree. Flags and config file fill the same.
type treeConf struct {
	Name       string   `toml:"name"`
	Capitol    string   `toml:"capitol"` // the machine that watches it; "": this one
	Dir        string   `toml:"dir"`
	Ignore     []string `toml:"ignore"`
	IgnoreFile string   `toml:"ignore_file"`
	Debounce   duration `toml:"debounce"`
	MaxWait    duration `toml:"max_wait"`
	Reconcile  duration `toml:"reconcile"`

	acceptEmpty bool   // --yes: an empty source is meant
	machine     string // that watches it; in lineages
}

func (t *treeConf) flags(f *pflag.FlagSet) {
	t.defaults()
	f.StringArrayVar(&t.Ignore, "ignore", nil, "leave out what matches (gitignore dialect, repeatable)")
	f.StringVar(&t.IgnoreFile, "ignore-file", t.IgnoreFile, "file with such patterns at the tree's root")
	f.Var(&t.Debounce, "debounce", "quiet window before a file that is held open is published")
	f.Var(&t.MaxWait, "max-wait", "publish a file that is written without end after this")
	f.Var(&t.Reconcile, "reconcile", "walk the whole tree this often")
}

func (t *treeConf) defaults() {
	orDefault(&t.machine, machineName())
	orDefault(&t.IgnoreFile, watcher.DefaultIgnoreFile)
	orDefault(&t.Debounce, duration(watcher.DefaultDebounce))
	orDefault(&t.MaxWait, duration(watcher.DefaultMaxWait))
	orDefault(&t.Reconcile, duration(watcher.DefaultReconcile))
}

// serveConf says where a capitol listens, and to whom.
type serveConf struct {
	Listen    string `toml:"listen"`
	TokenFile string `toml:"token_file"`
	TLSCert   string `toml:"tls_cert"`
	TLSKey    string `toml:"tls_key"`
	PemFile   string `toml:"pem_file"` // certificate and key in one
	Insecure  bool   `toml:"insecure"`

	Limit   rates `toml:"limit"`
	MaxBusy count `toml:"max_cities_transferring"`

	BehindProxy   bool   `toml:"behind_proxy"`
	ACME          string `toml:"acme"` // names, with commas between
	ACMEEmail     string `toml:"acme_email"`
	ACMEDirectory string `toml:"acme_directory"`
	ACMEHTTP      string `toml:"acme_http"`
}

const defaultListen = ":49996"

func (s *serveConf) flags(f *pflag.FlagSet) {
	f.StringVar(&s.Listen, "listen", defaultListen, "address to serve on, HOST:PORT")
	f.StringVar(&s.TokenFile, "token-file", "", "file with the token that cities have to know (or HYDRASYNC_TOKEN)")
	f.StringVar(&s.TLSCert, "tls-cert", "", "PEM file with the certificate")
	f.StringVar(&s.TLSKey, "tls-key", "", "PEM file with the certificate's key")
	f.StringVar(&s.PemFile, "pem-file", "", "PEM file with both; without any, others are served with a certificate of the machine's own")
	f.BoolVar(&s.BehindProxy, "behind-proxy", false, "a proxy ends TLS and says in X-Forwarded-For who calls; serve plain, to it alone")
	f.StringVar(&s.ACME, "acme", "", "get a certificate for this public name (NAME,NAME…) from an authority, and agree to its terms")
	f.StringVar(&s.ACMEEmail, "acme-email", "", "where the authority may write to")
	f.StringVar(&s.ACMEDirectory, "acme-directory", "", "URL of another authority than Let's Encrypt")
	f.StringVar(&s.ACMEHTTP, "acme-http", "", "answer the authority on this address too (http-01), e.g. :80")
	f.Var(&s.Limit, "limit", "send so many bytes per second at most to all cities together, or HOURS=RATE (repeatable, the first that fits counts); 0 is no limit")
	f.Var(&s.MaxBusy, "max-cities-transferring", "bring so many cities at once up to date; the others wait their turn; 0 is all")
	f.BoolVar(&s.Insecure, "insecure", false, "serve to everybody, without token or TLS")
}

// linkConf says how a city reaches its capitol, and commands that look at one. From
// is what they look at; a highway may name several, see [sources].
type linkConf struct {
	From      string `toml:"-"`
	TokenFile string `toml:"token_file"`
	TLSCA     string `toml:"tls_ca"`
	Insecure  bool   `toml:"insecure"`

	// Proxy has no flag: it may hold a password, and arguments are seen by others.
	Proxy string `toml:"proxy"`

	CredentialFile string `toml:"credential_file"`
	Pin            string `toml:"pin"`       // several with commas between: of each source
	JoinedAs       string `toml:"joined_as"` // by which name the capitol knows this city
}

func (l *linkConf) flags(f *pflag.FlagSet) {
	f.StringVar(&l.TokenFile, "token-file", "", "file with the capitol's token (or HYDRASYNC_TOKEN)")
	f.StringVar(&l.TLSCA, "tls-ca", "", "PEM file with the authority that signed the capitol's certificate")
	f.StringVar(&l.CredentialFile, "credential-file", "", "file with the credential that hydrasync join got")
	f.StringVar(&l.Pin, "pin", "", "the pin of the capitol's certificate, instead of an authority")
	f.BoolVar(&l.Insecure, "insecure", false, "connect without TLS to another machine, and send the token so")
}

// highwayConf says what a city mirrors, where to, and how carefully.
type highwayConf struct {
	linkConf
	replicaConf
	City    string   `toml:"city"` // the machine where it ends; "": this one
	Sources sources  `toml:"from"`
	To      string   `toml:"to"`
	SubDirs []string `toml:"sub_dirs"`
	When    []string `toml:"when"`     // hours at which it is connected; none: always
	Serve   bool     `toml:"serve"`    // a relay: serve it on, under the tree's own name
	ServeAs string   `toml:"serve_as"` // or under this one

	machine string     // that mirrors it; in lineages
	links   []linkConf // of each source, if not all have this one's
}

// defaults completes what a file left out. What is wrong with the addresses is
// told afterwards, by [highwayConf.problem].
func (h *highwayConf) defaults() {
	h.replicaConf.defaults()
	orDefault(&h.machine, machineName())
	if len(h.Sources) == 0 {
		return
	}
	h.From = h.Sources[0]
	if _, tree, err := httpBase(h.From); err == nil && h.Serve {
		orDefault(&h.ServeAs, tree)
	}
}

// replicaConf is how careful a city is with its directory.
type replicaConf struct {
	Prune       bool      `toml:"prune"`
	MaxDelete   limit     `toml:"max_delete"`
	Trash       *duration `toml:"trash"` // 0 is off; nil is the default
	TrashMax    size      `toml:"trash_max"`
	VerifyEvery duration  `toml:"verify_every"`
	boundsConf

	yes bool // never hold
}

func (c *highwayConf) flags(f *pflag.FlagSet) {
	c.machine = machineName()
	f.StringArrayVar(&c.SubDirs, "sub-dir", nil, "only this directory of the tree (repeatable)")
	f.StringArrayVar(&c.When, "when", nil, "connect at these hours only: 22:00-06:00, or Sat,Sun (repeatable)")
	c.replicaConf.flags(f)
}

func (r *replicaConf) flags(f *pflag.FlagSet) {
	r.defaults()
	f.BoolVar(&r.Prune, "prune", false, "also remove what hydrasync did not create")
	f.Var(&r.MaxDelete, "max-delete", "hold when more than this would be deleted at once")
	f.Var(r.Trash, "trash", "keep replaced and deleted files so long; 0 is off")
	f.Var(&r.TrashMax, "trash-max", "keep so many bytes of them at most")
	f.Var(&r.VerifyEvery, "verify-every", "look for changes that others made in the replica this often")
	f.Var(&r.Limit, "limit", "take so many bytes per second at most, or HOURS=RATE (repeatable, the first that fits counts); 0 is no limit")
	f.Var(&r.MaxBytes, "max-bytes", "hold what would make the replica larger than this; 0 is no bound")
	f.Var(&r.MaxPaths, "max-paths", "hold what would give it more paths than this; 0 is no bound")
	f.Var(&r.MinFree, "min-free", "keep so much of the disk free, a size or a part like 5%; 0 is nothing")
	f.BoolVar(&r.yes, "yes", false, "do not hold before a mass delete")
}

func (r *replicaConf) defaults() {
	if r.Trash == nil {
		r.Trash = new(duration)
		*r.Trash = duration(applier.DefaultTrash)
	}
	if r.MaxDelete.IsZero() {
		r.MaxDelete.Limit = applier.DefaultMaxDelete
	}
	orDefault(&r.TrashMax, applier.DefaultTrashMax)
	orDefault(&r.VerifyEvery, duration(applier.DefaultVerifyEvery))
}

// onceFlags make a command end by itself.
type onceFlags struct {
	once    bool
	timeout duration
	dryRun  bool
	json    bool
}

func (o *onceFlags) flags(c *cobra.Command) {
	o.timeout = duration(30 * time.Second)
	f := c.Flags()
	f.BoolVar(&o.once, "once", false, "end as soon as both ends are proven equal")
	f.Var(&o.timeout, "timeout", "how long --once and --dry-run wait for the other end")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would change, and change nothing")
	f.BoolVar(&o.json, "json", false, "print the report of --dry-run or --once as JSON")
}

func stateFlag(f *pflag.FlagSet, into *string) {
	f.StringVar(into, "state", string(defaultState()), "folder for journals, one folder a tree")
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
