package expr

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"rondo/topology/value"
)

// hashFunctions give the same for equal arguments, on every machine, for ever.
var hashFunctions = []*function{
	{name: "hash", params: []kinds{kValue}, variadic: kValue, result: kInt, run: hashOf},
	{name: "uuid", params: []kinds{kValue}, variadic: kValue, result: kString, run: uuidOf},
}

// digest is the SHA-256 of the arguments' keys (value.AppendKey), one after the
// other.
func (n *callNode) digest(f *frame, args []value.Value) (sum [sha256.Size]byte, err *Error) {
	var key []byte
	for _, v := range args {
		if err := f.spendValue(v, n.at); err != nil {
			return sum, err
		}
		if err := n.mustBeStorable(v); err != nil {
			return sum, err
		}
		key = value.AppendKey(key, v)
	}
	return sha256.Sum256(key), nil
}

// hashOf is the first 63 bits: 0 to 2^63-1.
func hashOf(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	sum, err := n.digest(f, args)
	if err != nil {
		return nil, err
	}
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1), nil
}

// uuidOf is a UUID of version 8 (RFC 9562) made of the first 128 bits.
func uuidOf(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	sum, err := n.digest(f, args)
	if err != nil {
		return nil, err
	}
	id := sum[:16]
	id[6] = id[6]&0x0F | 0x80
	id[8] = id[8]&0x3F | 0x80
	h := hex.EncodeToString(id)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}
