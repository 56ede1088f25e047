package schemas

import (
	"fmt"
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// decimalOfBytes reads Avro's decimal: the unscaled number in big-endian two's
// complement.
func decimalOfBytes(b []byte, scale int) (value.Value, *dataError) {
	unscaled, ok := unscaledOf(b)
	if !ok {
		return nil, &dataError{at: -1, text: fmt.Sprintf("a decimal of more than %d digits", value.DecimalDigitsMax)}
	}
	return apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(unscaled), -int32(scale)), nil
}

// unscaledOf reads a two's complement number; ok is false if it has more
// digits than a decimal may have. No bytes are zero.
func unscaledOf(b []byte) (n *big.Int, ok bool) {
	const bytesMax = 15 // 10^34 has 113 bits
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:] // repeats the sign only
	}
	if len(b) > bytesMax {
		return nil, false
	}
	n = new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n, n.CmpAbs(powerOfTen(value.DecimalDigitsMax)) < 0
}

// unscale returns d as a whole number of units of 10^-scale. It fails if d has
// a finer part, or more than the given digits.
func unscale(d *apd.Decimal, scale, digits int) (*big.Int, error) {
	n := d.Coeff.MathBigInt()
	if d.Negative {
		n.Neg(n)
	}
	if n.Sign() == 0 {
		return n, nil
	}
	shift := int(d.Exponent) + scale
	if shift+int(d.NumDigits()) > digits {
		return nil, fmt.Errorf("%v has more than %d digits at scale %d", d, digits, scale)
	}
	if shift >= 0 {
		return n.Mul(n, powerOfTen(shift)), nil
	}
	finer := fmt.Errorf("%v is not exact at scale %d; round(x, %d) makes it so", d, scale, scale)
	if -shift > int(d.NumDigits()) {
		return nil, finer
	}
	n, rest := n.QuoRem(n, powerOfTen(-shift), new(big.Int))
	if rest.Sign() != 0 {
		return nil, finer
	}
	return n, nil
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// twosComplement writes n in size bytes, or in as few as it needs if size is 0.
// ok is false if it does not fit.
func twosComplement(n *big.Int, size int) (b []byte, ok bool) {
	bits := n.BitLen()
	if n.Sign() < 0 {
		bits = new(big.Int).Not(n).BitLen()
	}
	needed := bits/8 + 1 // one bit for the sign
	if size == 0 {
		size = needed
	}
	if needed > size {
		return nil, false
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return n.FillBytes(make([]byte, size)), true
}
