package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain also makes the test binary the program itself: under the name
// vitalsink, which is in the PATH of the tests, it runs main. So tests can
// start it, and kill it, without building it a second time.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vitalsink": main})
}
