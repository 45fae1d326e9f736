package chunk

// maxLines bounds the growing contents that a store remembers: one a file that
// was appended to since its list was made.
const maxLines = 1 << 10

// Grew tells that a content began with all of another, so that the other's record
// is of use for it. It is remembered in memory only: a list for every line of a log would
// cost more than it saves.
func (s *Store) Grew(from, to Key) {
	if s == nil || from == to {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	first, known := s.lines[from]
	if !known {
		if _, kept := s.kept[from]; !kept {
			return
		}
		first = from
	}
	if s.lines == nil || len(s.lines) >= maxLines {
		s.lines = make(map[Key]Key)
	}
	delete(s.lines, from)
	s.lines[to] = first
}

// GetBegun finds a content's record, or that of a content that it began with.
func (s *Store) GetBegun(k Key) (Record, bool) {
	if r, ok := s.Get(k); ok || s == nil {
		return r, ok
	}
	s.mu.Lock()
	first, known := s.lines[k]
	s.mu.Unlock()
	if !known {
		return Record{}, false
	}
	return s.Get(first)
}
