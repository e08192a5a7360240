package main

import (
	"cmp"
	"slices"
)

// quantile gives the q-th part (0 to 1) of values by nearest rank; 0 without values. It sorts values.
func quantile[T cmp.Ordered](values []T, q float64) (v T) {
	if len(values) == 0 {
		return v
	}
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

func median(values []float64) float64 {
	sorted := slices.Clone(values)
	if n := len(sorted); n > 0 && n%2 == 0 {
		slices.Sort(sorted)
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return quantile(sorted, 0.5)
}
