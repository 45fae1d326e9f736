package ignore_test

// trickyPlaces is a small tree that the patterns below speak of.
func trickyPlaces() []place {
	var places []place
	for _, dir := range []string{
		"a", "a/b", "a/b/c", "a/b/c/d", "b", "foo", "foo/bar", "foo/bar/baz", "foo/keep", "build", "build/out", "x", "x/build", "x/foo",
		"doc", "doc/frotz", "doc/a", "doc/a/frotz", "logs", "logs/old", ".hidden", "a b", "[", "dir.d", "dir ",
	} {
		places = append(places, place{dir, true})
	}
	for _, file := range []string{
		"a/a", "a/x", "a/b/x", "a/b/c/x", "a/b/c/d/x", "b/a", "b/x", "foo/a", "foo/foo", "foo/bar/a", "foo/bar/baz/a", "foo/keep/me", "foo/bar/keep",
		"build/out/a.o", "build/a", "x/build/a", "x/foo/a", "x/a.o", "a.o", "aa.o", ".o", "o", "a.oo", "main.c", "Main.C", "README.md", "readme",
		"doc/frotz/a", "doc/a/frotz/a", "doc/x.txt", "doc/a/x.txt", "logs/debug.log", "logs/old/debug.log", "logs/1.log", "debug.log", "debug0.log", "debug01.log", "debuga.log",
		".hidden/a", ".a", "..a", "a..", "...", "#a", "!a", "#", "!", "!!a", "trail ", "trail", "trail  ", "trail\t", "tr ail", " lead", "\tlead", "a b/c d", "\\", "\\a", "a\\b", "a\\", "*", "**", "a*b", "?", "[/a", "[a]", "[a", "a]", "]", "-", "^", "a-b", "cr\r", "cr", "\r", "new\nline", "é", "\xff", "a\xffb", "\xef\xbb\xbfbom", "dir.d/a", "dir /a", "0", "9", "a1", "A1", "{a,b}", "a,b", "~", "$HOME", "%", "a+b", "(a)", "a|b", "\x7f", "\x01",
	} {
		places = append(places, place{file, false})
	}
	return places
}

// trickyLines are pattern files, each for a corner of the dialect.
var trickyLines = [][]string{
	{""}, {" "}, {"  "}, {"\t"}, {"\r"}, {"\r\r"}, {" \r"}, {"#"}, {"#a"}, {"\\#a"}, {"\\#"}, {" #a"}, {"!"}, {"!a"}, {"\\!a"}, {"!!a"}, {"\\!"}, {"*", "!"}, {"*", "!!a"}, {"*", "!#a"}, {"*", "!\\#a"},
	{"/"}, {"//"}, {"///"}, {"!/"}, {"/a"}, {"//a"}, {"a//b"}, {"a/"}, {"a//"}, {"/a/"}, {"./a"}, {"../a"}, {"a/."}, {"a/./b"}, {"."}, {".."}, {"...", "..*"},
	{"a/b"}, {"/a/b"}, {"a/b/"}, {"b/c"}, {"foo/bar"}, {"bar/baz"}, {"bar"}, {"bar/"}, {"build"}, {"/build"}, {"build/"}, {"/build/"}, {"x/build/"}, {"doc/frotz"}, {"doc/frotz/"}, {"frotz/"}, {"doc/*.txt"}, {"/*.c"}, {"*.c"},
	{"*"}, {"/*"}, {"*/"}, {"/*/"}, {"*/*"}, {"/*/*"}, {"*/*/"}, {"*/*/*"}, {"a/*"}, {"a/*/"}, {"a/*/c"}, {"a/*/*"}, {"?"}, {"??"}, {"/?"}, {"?/?"}, {"a?b"}, {"a/?"},
	{"**"}, {"/**"}, {"**/"}, {"/**/"}, {"**/**"}, {"**/**/"}, {"***"}, {"***/"}, {"/***/"}, {"****"}, {"**/*"}, {"*/**"}, {"*/**/"}, {"**//"}, {"**//a"}, {"//**"},
	{"**/a"}, {"/**/a"}, {"**/a/"}, {"**/a/**"}, {"a/**"}, {"a/**/"}, {"/a/**"}, {"a/**/x"}, {"a/**/b"}, {"a/**/**/x"}, {"a/**/*"}, {"a/**/*/x"}, {"a/*/**/x"}, {"**/b/**/x"}, {"**/b/c/**"}, {"**/foo/bar"}, {"**/foo/**/a"}, {"x/**/foo"}, {"a/***/x"}, {"***/x"}, {"a/***"},
	{"**a"}, {"a**"}, {"**.o"}, {"a**b"}, {"**a/x"}, {"*a**/x"}, {"?**/x"}, {"**?/x"}, {"a/**x"}, {"a/**b/c"}, {"*/b**/x"}, {"[a]**/x"}, {"[a]**"}, {`\a**/x`}, {`a\/**`}, {`**\/a`}, {`**\/x`}, {`a/**\/x`}, {`**\/`}, {`a\/b`}, {`\/a`}, {`/\/a`}, {`a\/`}, {`a/\*`}, {`\**`}, {`\**/a`}, {`*\*`},
	{"*.o"}, {".o"}, {"a*.o"}, {"*o"}, {"*.*"}, {".*"}, {"*."}, {"a*"}, {"*a*"}, {"*a*o*"}, {"a*a*o"}, {"*/x"}, {"*.o/"}, {"*a/"}, {"a*o", "!a.o"},
	{"[a]"}, {"[!a]"}, {"[^a]"}, {"[ab]"}, {"[a-c]"}, {"[!a-c]"}, {"[^a-c]"}, {"[]]"}, {"[!]]"}, {"[]a]"}, {"[]-a]"}, {"[a-]"}, {"[-a]"}, {"[a^]"}, {"[a!]"}, {"[\\]]"}, {"[\\\\]"}, {"[\\a-\\c]"}, {"[a\\-c]"}, {"[*]"}, {"[?]"}, {"[[]"}, {"[[a]"}, {"a[*]b"},
	{"["}, {"[a"}, {"[!"}, {"[]"}, {"[!]"}, {"[^]"}, {"[a-"}, {"[\\"}, {"[\\]"}, {"[a/b]"}, {"[/a]"}, {"[/]a"}, {"a[/]b"}, {"a/[!/]"}, {"[a/"}, {"a[/"}, {"[a]/[a-c]"}, {"\\["}, {"\\[a"}, {"\\[a]"}, {"[[]a]"}, {"*["}, {"*[a"}, {"**/[a"}, {"[/a"}, {"\\[/a"}, {"[/*"},
	{"[[:digit:]]"}, {"[![:digit:]]"}, {"[^[:alpha:]]"}, {"[[:alpha:][:digit:]]"}, {"[[:alpha:]1]"}, {"a[[:digit:]]"}, {"[[:upper:]]*"}, {"[[:punct:]]*"}, {"[[:space:]]*"}, {"[[:bogus:]]"}, {"[[:digit:]"}, {"[[:digit]]"}, {"[:digit:]"}, {"[[:]"}, {"[[:]]"}, {"[[::]]"}, {"[[:a]"}, {"[[:a]]"}, {"[[:digit:]-a]"}, {"[a-[:digit:]]"}, {"[[:DIGIT:]]"}, {"[[.a.]]"}, {"[[=a=]]"}, {"[[:alpha:"}, {"[![:bogus:]]"}, {"debug[[:digit:]].log"}, {"debug[0-9].log"}, {"debug[01].log"}, {"debug[a-z].log"}, {"debug?.log"}, {"debug*.log"}, {"logs/**/debug.log"}, {"logs/debug.log"},
	{"trail"}, {"trail "}, {"trail  "}, {`trail\ `}, {`trail\  `}, {`trail\ \ `}, {`trail \ `}, {`trail\`}, {`trail\\ `}, {"trail\t"}, {"trail\t "}, {"trail \t"}, {" lead"}, {"\tlead"}, {`\ lead`}, {"tr ail"}, {`tr\ ail`}, {"dir /"}, {`dir\ /`}, {"dir / "}, {"a b/"}, {"a b/c d"}, {" "}, {`\ `}, {`*\ `}, {"*\\ ", "!trail "},
	{"cr\r"}, {"cr\r\r"}, {"cr\\\r"}, {"cr\r "}, {"cr \r"}, {"\\\r"}, {"\\\r\r"}, {"cr?"}, {"a/\r"}, {"!\r"}, {"#\r"},
	{`\`}, {`\\`}, {`\\\`}, {`\\a`}, {`\a`}, {`a\b`}, {`a\\b`}, {`a\`}, {`a\\`}, {`\*`}, {`\*\*`}, {`\?`}, {`a\*b`}, {`\a\.\o`}, {`[a]\`}, {`*\`}, {`a/\`}, {`a/b\`}, {`\{a,b\}`}, {"{a,b}"}, {"a,b"},
	{"new?line"}, {"new*"}, {"é"}, {"?"}, {"??"}, {"[é]"}, {"[é][é]"}, {"[!é]"}, {"\xff"}, {"[\xfe-\xff]"}, {"a\xffb"}, {"a?b"}, {"a[^x]b"}, {"*\xff*"}, {"\xef\xbb\xbfbom"}, {"\xef\xbb\xbf\xef\xbb\xbfbom"}, {"a", "\xef\xbb\xbfbom"}, {"MAIN.c"}, {"main.C"}, {"Main.C"}, {"~"}, {"$HOME"}, {"%"}, {"a+b"}, {"(a)"}, {"a|b"}, {"^"}, {"-"}, {"--", "-"},
	{"foo/", "!foo/keep"}, {"foo", "!foo/keep/me"}, {"foo/*", "!foo/keep"}, {"foo/*", "!foo/keep/"}, {"foo/**", "!foo/keep"}, {"foo/**", "!foo/**/"}, {"foo/**", "!foo/**/", "!foo/keep/me"}, {"*", "!*/"}, {"*", "!*/", "!*.o"}, {"*", "!a.o"}, {"/*", "!/foo"}, {"/*", "!/foo", "/foo/*", "!/foo/bar"}, {"!a", "a"}, {"a", "!a"}, {"a", "!a", "a"}, {"a", "!a/"}, {"a/", "!a"}, {"!*"}, {"!foo", "foo/bar"}, {"*.o", "!a.o", "/a.o"}, {"*", "!**/x", "!**/"}, {"**/", "!foo/"}, {"*/", "!a/", "a/*", "!a/b"},
}
