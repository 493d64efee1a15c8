package junctiontest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// grouped is a page of samples: {"groups": {provider: [{"source": …, "data":
// [{…}, …]}, …]}, "next": …, "next_cursor": …}.
func (s *Server) grouped(r *http.Request) (any, error) {
	resource, ok := seriesAt(r.PathValue("resource"))
	if !ok {
		return nil, refuse(http.StatusNotFound, "Not Found")
	}
	u, err := s.known(r)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	w, err := windowOf(query)
	if err != nil {
		return nil, err
	}
	all := s.store.samples(place{u.ID, resource})
	first := sample{at: w.from}
	if text := query.Get("next_cursor"); text != "" {
		last, ok := readCursor(text)
		if !ok {
			return nil, invalid("next_cursor", "not a cursor")
		}
		last.key += "\x00" // the least that is greater
		if first.compare(last) < 0 {
			first = last
		}
	}
	page, more := pageOf(all, first, w.to, query.Get("provider"), s.config.PageSize)
	return groups(page, more), nil
}

// pageOf are up to n samples from the first on until to, of a provider unless
// that is "", and whether there are more.
func pageOf(all []sample, first sample, to int64, provider string, n int) (page []sample, more bool) {
	from, _ := slices.BinarySearchFunc(all, first, sample.compare)
	for _, one := range all[from:] {
		switch {
		case one.at > to:
			return page, false
		case provider != "" && one.source.provider != provider:
		case len(page) == n:
			return page, true
		default:
			page = append(page, one)
		}
	}
	return page, false
}

// groups is a page as JSON. It is put together by hand: an encoder would read
// every sample again.
func groups(page []sample, more bool) []byte {
	providers, sources, members := []string{}, map[string][]*source{}, map[*source][]sample{}
	for _, one := range page {
		if !slices.Contains(providers, one.source.provider) {
			providers = append(providers, one.source.provider)
		}
		if len(members[one.source]) == 0 {
			sources[one.source.provider] = append(sources[one.source.provider], one.source)
		}
		members[one.source] = append(members[one.source], one)
	}
	var text []byte
	text = append(text, `{"groups":{`...)
	for i, provider := range providers {
		text = append(append(append(text, comma(i)...), encode(provider)...), ":["...)
		for j, of := range sources[provider] {
			text = append(append(append(text, comma(j)...), `{"source":`...), of.text...)
			text = append(text, `,"data":[`...)
			for k, one := range members[of] {
				text = append(append(text, comma(k)...), one.body...)
			}
			text = append(text, "]}"...)
		}
		text = append(text, ']')
	}
	next := []byte("null")
	if more {
		next = encode(cursor(page[len(page)-1]))
	}
	text = append(append(text, `},"next":`...), next...)
	return append(append(append(text, `,"next_cursor":`...), next...), '}')
}

// comma comes before every element but the first.
func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// cursor is a place in a series: the last sample that was shown. What is added
// before it meanwhile is not shown, what is removed is not missed.
func cursor(last sample) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(last.at, 36) + " " + last.key))
}

func readCursor(text string) (last sample, ok bool) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	at, key, ok := strings.Cut(string(plain), " ")
	if err != nil || !ok {
		return sample{}, false
	}
	n, err := strconv.ParseInt(at, 36, 64)
	return sample{at: n, key: key}, err == nil
}
