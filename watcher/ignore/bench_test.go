package ignore_test

import "testing"

// usualLines are fifty patterns of the kind that people write.
var usualLines = []string{
	".git/", "node_modules/", "/build/", "/dist", "target/", "*.o", "*.a", "*.so", "*.pyc", "__pycache__/", ".venv/", "venv/", "*.log", "*.tmp", "*.swp", "*~", ".DS_Store", "Thumbs.db", ".idea/", ".vscode/",
	"*.class", "*.jar", "/vendor/**/testdata", "**/tmp/**", "docs/_build/", "coverage.*", ".coverage", "htmlcov/", "*.egg-info/", ".cache", "*.bak", "*.orig", "*.rej", "core.[0-9]*", "*.py[cod]", "npm-debug.log*", "yarn-error.log*", "!important.log", "/tmp-*", "/.env", ".env.*", "!.env.sample", "*.sqlite3-journal", "cmake-build-*/", "a.out", "*.test", "*.prof", "/bin/", "obj/", "*.min.js",
}

func BenchmarkMatchDepth5Rules50(b *testing.B) {
	rules := mustParse(b, usualLines...)
	b.ReportAllocs()
	for b.Loop() {
		rules.Match("internal/server/handlers/session/cookie.go", false)
	}
}

func BenchmarkIgnoredDepth5Rules50(b *testing.B) {
	rules := mustParse(b, usualLines...)
	b.ReportAllocs()
	for b.Loop() {
		rules.Ignored("internal/server/handlers/session/cookie.go", false)
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	rules := mustParse(t, append(usualLines, "[[:upper:]]*[!a]?b*c", "**/x*/**/[a-c]")...)
	if n := testing.AllocsPerRun(100, func() { rules.Ignored("internal/xserver/handlers/session/c", false) }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
