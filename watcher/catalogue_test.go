package watcher_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// catalogue is every known way to miss or mistake a change, and what proves that this
// house does not: the cases W<number>-*.txt, tests here, and tests elsewhere.
var catalogue = []struct {
	row, failure string
	tests        []string // beyond the cases of that number
}{
	{"W01", "the kernel's queue overflows", []string{"TestW01OverflowIsNotedAndRepaired", "trials TestCampaignStoppedCapitolOverflows"}},
	{"W02", "a directory is filled before it is watched", []string{"TestW02WhatIsMadeBeforeTheWatchIsListed"}},
	{"W03", "the two halves of a rename come apart", []string{"TestW03TwoWhoRenameAtOnce"}},
	{"W04", "moved out of the tree, or into it", nil},
	{"W05", "events under the name that a directory had before", []string{"TestStormOfMovesKeepsNodes", "TestCampaignHistories"}},
	{"W06", "a hard link within the tree", []string{"TestStorm"}},
	{"W07", "a hard link outside of the tree", nil},
	{"W08", "written through a mapping", nil},
	{"W09", "something is mounted in the tree", []string{"TestW09MountInsideIsUnavailableNotDeleted"}},
	{"W10", "the source is unmounted, emptied or moved away", []string{
		"TestW10UnmountedRootDeletesNothing", "TestW10EmptyRootAtStartIsNotBelieved", "TestW10RootMovedAwayAndBack",
		"TestW10UnmountedWhileItIsWalked", "TestW10UnmountedAfterItWasEmptied", "TestEverythingRemovedWhileRunningIsReal"}},
	{"W11", "an overlay copies up, or is written beneath", nil},
	{"W12", "a network or user-space file system", []string{"TestW12RemoteTreesAreReconciledOften", "TestW41AHungFileSystemHoldsUpNobodyElse"}},
	{"W13", "an inode number is used again", nil},
	{"W14", "the same size within the same tick", []string{"TestW14AnEventWithinTheSecondProvesNothing", "TestW16TimesProveOnlyWhatTheClockLetsThem", "TestCampaignHistories"}},
	{"W15", "an mtime is put back", nil},
	{"W16", "the clock steps", []string{"TestW16BornWhenTheClockWasWrong", "TestW16TimesProveOnlyWhatTheClockLetsThem"}},
	{"W17", "a file changes while it is read", []string{"TestW17AFileThatChangesWhileItIsReadIsNotBelieved", "TestW17TornReadsAreNotBelieved"}},
	{"W18", "a file is replaced while it is read", []string{"TestW18AFileReplacedWhileItIsReadIsReadToItsEnd"}},
	{"W19", "a file is cut or grows while it is read", []string{"TestW19AFileCutShortWhileItIsReadIsNotBelieved", "TestW19ALogThatGrowsWhileItIsReadIsTakenAsItWas", "TestOpenOfWhatHasMovedOn"}},
	{"W20", "only metadata changes", nil},
	{"W21", "the limit of watches", []string{"TestW21WatchLimit", "TestW21WatchLimitIsReachedWhileRunningAndLeftAgain"}},
	{"W22", "the limits of inotify instances and of descriptors", []string{"TestW22NoInotifyInstanceIsAClearError", "TestW22NoDescriptorsForAWhile"}},
	{"W24", "a link takes the place of a directory", []string{"TestW24SymlinkSwappedInIsNeverFollowed"}},
	{"W25", "holes", nil},
	{"W26", "FIFOs, sockets and devices", []string{"TestW26WhatTookTheNameOfAFileIsNotRead"}},
	{"W27", "what cannot be read or listed", []string{"TestW27UnreadableIsListedNotDeleted"}},
	{"W28", "paths beyond the kernel's limit", []string{"TestW28PathsBeyondTheKernelsLimit"}},
	{"W29", "names of 255 bytes", nil},
	{"W30", "names that are no text", nil},
	{"W31", "removed while somebody has it open", nil},
	{"W32", "logs are rotated", nil},
	{"W33", "an unnamed file gets a name", nil},
	{"W34", "written without end", []string{"TestW34EndlessWritingIsAppendedAtMaxWait", "TestPatienceHasUpperBounds"}},
	{"W35", "the ignore file changes", []string{"TestW35NewIgnoreRulesDeleteNothing"}},
	{"W36", "changed while nobody watched", nil},
	{"W37", "a name changes its kind", nil},
	{"W38", "changed behind the back of a walk", []string{"TestW38MovedBehindTheBackOfAWalk", "TestStorm"}},
	{"W39", "a million names, a thousand levels", []string{"TestW39DeepAndWide"}},
	{"W40", "the state or a replica within the source", []string{"cmd refusals.txtar", "trials TestTheSourceUnderAnotherNameIsNoDestination"}},
	{"W41", "a file system that hangs", []string{"TestW41AHungFileSystemHoldsUpNobodyElse"}},
	{"W42", "watches end and begin again", nil},
}

// Rows that are not this room's: the names that a destination cannot tell apart
// (W23) are the applier's.
var elsewhere = []string{"W23"}

func TestEveryRowOfTheCatalogueHasACase(t *testing.T) {
	here := sourcesOf(t, "*_test.go")
	others := map[string]string{
		"trials": sourcesOf(t, "../cmd/hydrasync/trials/*_test.go"),
		"cmd":    strings.Join(must1(filepath.Glob("../cmd/hydrasync/testdata/*.txtar"))(t), "\n"),
	}
	cases := must1(filepath.Glob("testdata/cases/W*.txt"))(t)
	known := slices.Clone(elsewhere)
	for _, row := range catalogue {
		known = append(known, row.row)
		own := slices.DeleteFunc(slices.Clone(cases), func(path string) bool { return !strings.HasPrefix(filepath.Base(path), row.row+"-") })
		if len(own)+len(row.tests) == 0 {
			t.Errorf("%s (%s) has no case and no test", row.row, row.failure)
		}
		for _, test := range row.tests {
			text := here
			if where, name, ok := strings.Cut(test, " "); ok {
				text, test = others[where], name
			}
			if !strings.Contains(text, test) {
				t.Errorf("%s (%s): there is no %s", row.row, row.failure, test)
			}
		}
	}
	for i := range 42 {
		if row := "W" + string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10)); !slices.Contains(known, row) {
			t.Errorf("%s is not in the catalogue", row)
		}
	}
	for _, found := range regexp.MustCompile(`W[0-9]{2}`).FindAllString(strings.Join(cases, " "), -1) {
		if !slices.Contains(known, found) {
			t.Errorf("cases of %s, which the catalogue does not know", found)
		}
	}
}

func must1[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		mustNot(t, err)
		return v
	}
}

// sourcesOf is the text of files, without the catalogue's own.
func sourcesOf(t *testing.T, pattern string) string {
	var all strings.Builder
	for _, path := range must1(filepath.Glob(pattern))(t) {
		if filepath.Base(path) != "catalogue_test.go" {
			b, err := os.ReadFile(path)
			mustNot(t, err)
			all.Write(b)
		}
	}
	return all.String()
}
