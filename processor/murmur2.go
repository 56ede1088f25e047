package processor

import "encoding/binary"

// PartitionOf is the partition of a key among n, as Java's default partitioner
// and most other clients compute it: murmur2 of the bytes, made positive,
// modulo n. n must be positive. An empty key is a key like any other.
func PartitionOf(key []byte, n int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % n
}

// murmur2 is Kafka's variant (org.apache.kafka.common.utils.Utils.murmur2):
// 32 bits, little endian, a fixed seed.
func murmur2(data []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
	)
	h := uint32(seed) ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * m
		h = h*m ^ (k^k>>24)*m
	}
	if len(data) > 0 {
		for i, b := range data {
			h ^= uint32(b) << (8 * i)
		}
		h *= m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
