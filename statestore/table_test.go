package statestore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// rowsOf is what a table holds.
func rowsOf(t *testing.T, table *Table) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := table.Scan(func(key, row []byte) error { out[string(key)] = string(row); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func change1(t *testing.T, table *Table, at int64, put map[string]string, gone ...string) {
	t.Helper()
	b := table.Begin()
	for _, key := range slices.Sorted(maps.Keys(put)) {
		b.Put([]byte(key), []byte(put[key]))
	}
	for _, key := range gone {
		b.Delete([]byte(key))
	}
	b.Move(2, position(at))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestRowsAndPositionComeIntoForceTogether(t *testing.T) {
	table := openMem(t).Table("user.profiles")
	change1(t, table, 7, map[string]string{"u-1": "vip", "u-2": "new"})
	change1(t, table, 9, map[string]string{"u-3": "old"}, "u-2", "never-was")
	if got := rowsOf(t, table); !maps.Equal(got, map[string]string{"u-1": "vip", "u-3": "old"}) {
		t.Errorf("rows %v", got)
	}
	row, found, err := table.Row([]byte("u-1"))
	if err != nil || !found || string(row) != "vip" {
		t.Errorf("row %q %v %v", row, found, err)
	}
	if _, found, err := table.Row([]byte("u-2")); found || err != nil {
		t.Errorf("a deleted row is found: %v", err)
	}
	positions, err := table.Positions()
	if err != nil || !maps.Equal(positions, map[int32]Position{2: position(9)}) {
		t.Errorf("positions %v %v", positions, err)
	}
	dropped := table.Begin()
	dropped.Put([]byte("u-9"), []byte("x"))
	if err := dropped.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := table.Row([]byte("u-9")); found {
		t.Error("a dropped change is seen")
	}
}

func TestTablesAndPartitionsDoNotMeet(t *testing.T) {
	s := openMem(t)
	names := []string{"a", "a.b", "a#1", "zz"}
	for _, name := range names {
		change1(t, s.Table(name), 1, map[string]string{"k": name})
	}
	o := s.Partition(1<<31 - 1).Begin()
	o.Put([]byte("k"), entry("state", 0))
	if err := o.Apply(position(3)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Tables(); err != nil || !slices.Equal(got, []string{"a", "a#1", "a.b", "zz"}) {
		t.Errorf("tables %v %v", got, err)
	}
	if err := s.Table("a").Wipe(); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, s.Table("a")); len(got) != 0 {
		t.Errorf("rows after the wipe: %v", got)
	}
	if positions, err := s.Table("a").Positions(); err != nil || len(positions) != 0 {
		t.Errorf("positions after the wipe: %v %v", positions, err)
	}
	if got, err := s.Tables(); err != nil || !slices.Equal(got, []string{"a#1", "a.b", "zz"}) {
		t.Errorf("tables after the wipe: %v %v", got, err)
	}
	if got := rowsOf(t, s.Table("a.b")); !maps.Equal(got, map[string]string{"k": "a.b"}) {
		t.Errorf("another table's rows: %v", got)
	}
	checkHolds(t, s.Partition(1<<31-1), model{"k": entry("state", 0)})
	if err := s.Partition(1<<31 - 1).Wipe(); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, s.Table("zz")); len(got) != 1 {
		t.Errorf("a partition's wipe took a table's rows: %v", got)
	}
}

// What a crash leaves is the rows up to the stored position, none more and none less.
func TestCrashLeavesTheRowsUpToThePosition(t *testing.T) {
	fs := newCrashable(t)
	s := mustOpen(t, smallConfig(fs))
	defer mustClose(t, s)
	table := s.Table("user.profiles")
	dice := newRand(3)
	const rounds = 40
	for round := range int64(rounds) {
		// Large, so that memtables are flushed under way.
		change1(t, table, round+1, map[string]string{fmt.Sprintf("k-%03d", round): strings.Repeat(string(rune('a'+round%26)), 20_000)})
		if round%8 != 7 {
			continue
		}
		crashed := mustOpen(t, smallConfig(fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: dice})))
		positions, err := crashed.Table("user.profiles").Positions()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(rowsOf(t, crashed.Table("user.profiles"))); int64(n) != positions[2].Offset {
			t.Errorf("round %d: %d rows at position %d", round, n, positions[2].Offset)
		}
		mustClose(t, crashed)
	}
}

func TestADamagedPositionIsSaid(t *testing.T) {
	table := openMem(t).Table("user.profiles")
	change1(t, table, 7, map[string]string{"k": "v"})
	if err := table.store.db.Set(append(slices.Clone(table.marks), 0, 0, 0, 2), []byte("nonsense"), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if _, err := table.Positions(); !errors.Is(err, ErrDamaged) {
		t.Errorf("the error is %v", err)
	}
}
