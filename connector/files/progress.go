package files

import "io"

// Progress is how far a source has read.
type Progress struct {
	// Bytes are read of TotalBytes, as they are stored: compressed, if they
	// are. TotalBytes is 0 if nobody knows it, as of standard input.
	Bytes, TotalBytes int64
	// Files are read to their end of TotalFiles; both are 0 while directories
	// are still being searched.
	Files, TotalFiles int
	// File is being read; "" before the first and after the last.
	File string
}

// Progress is how far the source has read. What is read may not be committed
// yet.
func (s *Source) Progress() Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.position.Progress
	p.Bytes += s.position.inFile
	return p
}

// position is where the reading is.
type position struct {
	Progress       // its Bytes are those of the files that are read
	inFile   int64 // bytes read of the file that is being read
	size     int64 // of that file; negative if unknown
}

// begin is called with what will be read.
func (s *Source) begin(inputs []input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.position = position{Progress: Progress{TotalFiles: len(inputs)}}
	for _, in := range inputs {
		if in.size < 0 {
			s.position.TotalBytes = 0
			return
		}
		s.position.TotalBytes += in.size
	}
}

func (s *Source) enter(in input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.position.File, s.position.size = in.name(), in.size
}

// advance counts what is read. A file that grows meanwhile does not go beyond
// the size that the total counts with.
func (s *Source) advance(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.position
	if p.inFile += int64(n); p.size >= 0 {
		p.inFile = min(p.inFile, p.size)
	}
}

// leave counts a file as read, also if it could not be read in full.
func (s *Source) leave(in input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.position
	p.Bytes += max(p.inFile, in.size)
	p.Files++
	p.File, p.inFile = "", 0
}

// countedReader tells how many bytes are read through it.
type countedReader struct {
	io.Reader
	count func(int)
}

func (c countedReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.count(n)
	return n, err
}
