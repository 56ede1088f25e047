package expr

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// ZoneVersion is the version of the IANA time zone database in zoneinfo.zip,
// which is a copy of the file that comes with Go (lib/time/zoneinfo.zip). The
// package time would look at the machine's own files first, so that two nodes
// could disagree; hence this copy, and no other.
const ZoneVersion = "2025c"

//go:embed zoneinfo.zip
var zoneFile []byte

// zones finds a zone's file in zoneFile by name.
var zones = sync.OnceValue(func() map[string]*zip.File {
	archive, err := zip.NewReader(bytes.NewReader(zoneFile), int64(len(zoneFile)))
	if err != nil {
		panic("the embedded time zones: " + err.Error())
	}
	files := make(map[string]*zip.File, len(archive.File))
	for _, f := range archive.File {
		if !f.FileInfo().IsDir() {
			files[f.Name] = f
		}
	}
	return files
})

// ZoneNames lists the zones that there are, in alphabetical order.
func ZoneNames() []string { return slices.Sorted(maps.Keys(zones())) }

// loadedZones keeps what loadZone has read, by name. Only names of zones enter
// it, so it is bounded.
var loadedZones sync.Map

// LoadZone returns a zone by its IANA name ("Europe/Berlin"), or UTC, from the
// zone data that are part of the program.
func LoadZone(name string) (*time.Location, error) { return loadZone(name) }

// loadZone returns a zone by its IANA name ("Europe/Berlin"), or UTC.
func loadZone(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	if loaded, ok := loadedZones.Load(name); ok {
		return loaded.(*time.Location), nil
	}
	file, ok := zones()[name]
	if !ok {
		return nil, fmt.Errorf("no such zone")
	}
	loc, err := readZone(name, file)
	if err != nil {
		return nil, fmt.Errorf("read zone %s: %w", name, err)
	}
	loadedZones.Store(name, loc)
	return loc, nil
}

func readZone(name string, file *zip.File) (*time.Location, error) {
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return time.LoadLocationFromTZData(name, data)
}

// civil is a date and a time of day without a zone, as a time in UTC.
type civil = time.Time

// civilOf is what clocks in the zone show at t.
func civilOf(t time.Time, zone *time.Location) civil {
	local := t.In(zone)
	_, offset := local.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instantOf is when clocks in the zone show c. Where they show it twice it is
// the first time; where they skip it, as much later as they skip (02:30 becomes
// 03:30). time.Date leaves both open.
func instantOf(c civil, zone *time.Location) time.Time {
	before := c.Add(-offsetAt(c.Add(-24*time.Hour), zone))
	after := c.Add(-offsetAt(c.Add(24*time.Hour), zone))
	if civilOf(before, zone).Equal(c) || !civilOf(after, zone).Equal(c) {
		return before
	}
	return after
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, offset := t.In(zone).Zone()
	return time.Duration(offset) * time.Second
}
