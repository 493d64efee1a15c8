package transforms

import "time"

// Range of TIMESTAMP and DATE in GoogleSQL: years 1 to 9999.
var (
	minTimestamp = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxTimestamp = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC).UnixMicro()
)

const microsPerDay = 24 * 60 * 60 * 1_000_000

// parseTimestamp reads an ISO 8601 instant as microseconds since 1970: a date,
// optionally T or space and a time to the second with up to nine digits of
// fraction (cut, not rounded), optionally Z or an offset of ±hh, ±hhmm or
// ±hh:mm. No zone is UTC, no time is midnight.
func parseTimestamp(s []byte) (micros int64, ok bool) {
	days, s, ok := parseDays(s)
	if !ok {
		return 0, false
	}
	micros = int64(days) * microsPerDay
	if len(s) > 0 {
		clock, offset, ok := parseClock(s)
		if !ok {
			return 0, false
		}
		micros += clock - offset
	}
	return micros, micros >= minTimestamp && micros <= maxTimestamp
}

// parseDate reads YYYY-MM-DD as days since 1970.
func parseDate(s []byte) (days int32, ok bool) {
	days, rest, ok := parseDays(s)
	return days, ok && len(rest) == 0
}

// parseDays reads a leading YYYY-MM-DD as days since 1970.
func parseDays(s []byte) (days int32, rest []byte, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, nil, false
	}
	y, ok1 := digits(s[0:4])
	m, ok2 := digits(s[5:7])
	d, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 || y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, nil, false
	}
	return daysSince1970(y, m, d), s[10:], true
}

// parseClock reads a time of day and an offset, both in microseconds.
func parseClock(s []byte) (clock, offset int64, ok bool) {
	if len(s) < 9 || (s[0] != 'T' && s[0] != ' ') || s[3] != ':' || s[6] != ':' {
		return 0, 0, false
	}
	hh, ok1 := digits(s[1:3])
	mm, ok2 := digits(s[4:6])
	ss, ok3 := digits(s[7:9])
	if !ok1 || !ok2 || !ok3 || hh > 23 || mm > 59 || ss > 59 {
		return 0, 0, false
	}
	fraction, s, ok := parseFraction(s[9:])
	if !ok {
		return 0, 0, false
	}
	offset, ok = parseOffset(s)
	return int64(hh*3600+mm*60+ss)*1_000_000 + fraction, offset, ok
}

func parseFraction(s []byte) (micros int64, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s, true
	}
	n := 1
	scale := int64(100_000)
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		micros += int64(s[n]-'0') * scale
		scale /= 10
		n++
	}
	return micros, s[n:], n >= 2 && n <= 10
}

func parseOffset(s []byte) (micros int64, ok bool) {
	if len(s) == 0 || len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	sign := int64(1)
	switch s[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return 0, false
	}
	var hh, mm int
	ok1, ok2 := false, true
	switch {
	case len(s) == 3:
		hh, ok1 = digits(s[1:3])
	case len(s) == 5:
		hh, ok1 = digits(s[1:3])
		mm, ok2 = digits(s[3:5])
	case len(s) == 6 && s[3] == ':':
		hh, ok1 = digits(s[1:3])
		mm, ok2 = digits(s[4:6])
	}
	if !ok1 || !ok2 || hh > 23 || mm > 59 {
		return 0, false
	}
	return sign * int64(hh*60+mm) * 60 * 1_000_000, true
}

func digits(s []byte) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func daysIn(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts with years that begin in March, so that the leap day
// comes last (the usual days-from-civil arithmetic of the Gregorian calendar).
func daysSince1970(y, m, d int) int32 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int32(era*146097 + doe - 719468)
}

// dayOf is the UTC day of an instant, in days since 1970.
func dayOf(micros int64) int32 {
	d := micros / microsPerDay
	if micros%microsPerDay < 0 {
		d--
	}
	return int32(d)
}
