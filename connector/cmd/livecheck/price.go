package main

// Prices of BigQuery on demand.
const (
	dollarsPerTiB     = 6.25  // of queries
	dollarsPerGiB     = 0.025 // of appends through the Storage Write API
	freeTiB           = 2     // of appends, a month
	priceSource       = "US list prices as written down in November 2026; today's, other locations' and free tiers: https://cloud.google.com/bigquery/pricing"
	tebibyte          = 1 << 40
	gibibyte          = 1 << 30
	leastBilled       = 10 << 20 // for each table that a statement reads
	estimatePerSample = 14 << 10 // as the stand-in has it, with some room
	estimateOfChecks  = 5 << 30
)

// dollars is what queries of so many bytes cost.
func dollars(bytes int64) float64 { return dollarsPerTiB * float64(bytes) / tebibyte }

// appendDollars is what appends cost once the free ones of the month are used up.
func appendDollars(bytes int64) float64 { return dollarsPerGiB * float64(bytes) / gibibyte }

// estimate is what a run is likely to be billed for, in bytes. Most statements
// are billed the least there is; a sample is read some ten times
// until it is folded and compared.
func estimate(samples int) int64 { return estimateOfChecks + int64(samples)*estimatePerSample }
