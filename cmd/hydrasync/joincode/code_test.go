package joincode_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/journal/ledger"
)

func mustEncode(t testing.TB, c joincode.Code) string {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestACodeComesBackHoweverItWasCopied(t *testing.T) {
	c := joincode.Code{Addresses: []string{"https://192.0.2.1:49996", "http://[fd00::1]:1/behind"}, Pin: "p", Secret: ledger.NewSecret()}
	text := mustEncode(t, c)
	for _, copied := range []string{text, "  " + text + "\n", text[:30] + "\n " + text[30:]} {
		got, err := joincode.Parse(copied)
		if err != nil || got.Secret != c.Secret || got.Pin != c.Pin || strings.Join(got.Addresses, " ") != strings.Join(c.Addresses, " ") {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	for i := range text { // one letter wrong, or the end missing
		bad := text[:i] + string(rune('A'+(text[i]-'A'+1)%26)) + text[i+1:]
		if bad == text {
			continue
		}
		if _, err := joincode.Parse(bad); err == nil {
			t.Errorf("letter %d may be wrong", i)
		} else if strings.Contains(err.Error(), text[10:20]) {
			t.Errorf("the error repeats the code: %v", err)
		}
		if _, err := joincode.Parse(text[:i]); err == nil {
			t.Errorf("%d letters are enough", i)
		}
	}
	if _, err := joincode.Parse("hsc_x"); !errors.Is(err, joincode.ErrNoCode) {
		t.Errorf("something else: %v", err)
	}
}

func TestACodeWithAddressesThatCannotBe(t *testing.T) {
	for _, addresses := range [][]string{nil, {"ftp://x"}, {"https://u:p@x"}, {"https://x?y"}, {""}, make([]string, 17)} {
		text := mustEncode(t, joincode.Code{Addresses: addresses, Secret: ledger.NewSecret()})
		if _, err := joincode.Parse(text); !errors.Is(err, joincode.ErrDamaged) {
			t.Errorf("%q: %v", addresses, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(mustEncode(f, joincode.Code{Addresses: []string{"https://x:1"}, Secret: ledger.NewSecret()}))
	f.Add("hsj1_")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := joincode.Parse(text); err == nil {
			again, err := joincode.Parse(mustEncode(t, *c))
			if err != nil || again.Secret != c.Secret {
				t.Errorf("%v", err)
			}
		}
	})
}
