package tree

import (
	"io/fs"
	"os"
	"path"
	"slices"
)

// States lists what a walk finds beneath the directory sub of root, itself
// included, the last path first: that is the order to watch in.
func States(root, sub string) ([]State, error) {
	var found []State
	err := each(root, sub, func(s State) error {
		found = append(found, s)
		return nil
	})
	slices.Reverse(found)
	return found, err
}

// each calls do for sub and all that is beneath it, a directory before what is
// in it, in the order of names.
func each(root, sub string, do func(State) error) error {
	info, err := os.Lstat(join(root, sub))
	if err != nil {
		return err
	}
	s, err := stateOf(root, sub, info)
	if err != nil {
		return err
	}
	if err := do(s); err != nil || !info.IsDir() {
		return err
	}
	entries, err := os.ReadDir(join(root, sub))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := each(root, path.Join(sub, e.Name()), do); err != nil {
			return err
		}
	}
	return nil
}

// Of is what a path of root shows now; Gone if nothing is there.
func Of(root, path string) (State, error) {
	info, err := os.Lstat(join(root, path))
	switch {
	case os.IsNotExist(err):
		return State{Path: path, Gone: true}, nil
	case err != nil:
		return State{}, err
	}
	return stateOf(root, path, info)
}

// Files lists the regular files among states, in the order of their paths.
func Files(states []State) []State {
	files := slices.DeleteFunc(slices.Clone(states), func(s State) bool { return s.Gone || s.Mode.Type() != fs.FileMode(0) })
	slices.Reverse(files)
	return files
}
