package transforms_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestNumbersExact: an INT64 is the number that is written or NULL, a FLOAT64
// the nearest there is; and no plain whole number is missed.
func TestNumbersExact(t *testing.T) {
	decoder := newDecoder(t)
	number := rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?`).Draw(t, "mantissa")
		if rapid.Bool().Draw(t, "exponent") {
			s += fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"e", "E", "e+", "e-"}).Draw(t, "e"), rapid.IntRange(0, 25).Draw(t, "of ten"))
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		literal := number.Draw(t, "literal")
		exact, ok := rational(literal)
		if !ok {
			t.Fatalf("no number: %s", literal)
		}
		got := only(t, decodeWith(t, decoder, message(summary("sleep", `"duration":`+literal+`,"efficiency":`+literal))))
		extra := fieldsOf(t, got["_extra"])
		n, stored := got["duration"].(int64)
		if stored && new(big.Rat).SetInt64(n).Cmp(exact) != 0 || !stored && extra["duration"] != literal {
			t.Errorf("%s became %d, _extra %v", literal, n, extra)
		}
		if !stored && len(literal) < 15 && exact.IsInt() && exact.Num().IsInt64() && exact.Sign() != 0 && exact.Num().BitLen() < 60 {
			t.Errorf("%s is whole, but not stored", literal)
		}
		f, stored := got["efficiency"].(float64)
		if stored && !sameFloat(f, literal) || !stored && extra["efficiency"] != literal {
			t.Errorf("%s became %v, _extra %v", literal, f, extra)
		}
	})
}
