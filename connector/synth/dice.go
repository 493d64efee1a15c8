package synth

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// dice is a source of chance.
type dice struct{ *rand.Rand }

// fixed is a source of chance that depends on the seed and parts alone, for
// what must come out the same whenever it is asked for.
func (g *Generator) fixed(parts ...any) dice {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q", g.seed, parts))
	return dice{rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))}
}

// personal is a level that differs between people, by the share sd of mid, and
// is always the same for one.
func (g *Generator) personal(u User, what string, mid, sd float64) float64 {
	return mid * (1 + sd*min(2, max(-2, g.fixed(u.ID, what).NormFloat64())))
}

// between is a whole number from lo to hi, both included.
func (d dice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// around is a normally distributed number, rounded.
func (d dice) around(mid, sd float64, digits int) float64 {
	return round(mid+sd*d.NormFloat64(), digits)
}

// minutes is a time of lo to hi minutes, in whole seconds.
func (d dice) minutes(lo, hi int) time.Duration {
	return time.Duration(d.between(lo*60, hi*60)) * time.Second
}

// uuid is a random (version 4) UUID.
func (d dice) uuid() string {
	hi, lo := d.Uint64(), d.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&(1<<48-1))
}

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// round is v with that many digits after the point, never -0.
func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p)/p + 0
}
