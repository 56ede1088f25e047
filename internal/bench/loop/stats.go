package loop

// Stats are what a loop has done so far. They only grow, so what happened in a
// window is the difference of two.
type Stats struct {
	Final bool `json:"final,omitempty"` // the last line: nothing comes after it

	Seconds float64 `json:"seconds"` // since all partitions were assigned

	RecordsIn    int64   `json:"recordsIn"`  // read, and committed as read
	RecordsOut   int64   `json:"recordsOut"` // committed
	BytesIn      int64   `json:"bytesIn"`    // of keys, values and headers; of committed records only
	BytesOut     int64   `json:"bytesOut"`   // the same, before compression
	BytesSent    int64   `json:"bytesSent"`  // written to the brokers' connections, all requests, after compression
	BytesFetched int64   `json:"bytesFetched"`
	Transactions int64   `json:"transactions"` // committed
	Aborts       int64   `json:"aborts"`
	Unrouted     int64   `json:"unrouted"`   // of RecordsIn, those that no route fitted
	CPUSeconds   float64 `json:"cpuSeconds"` // user and system, of this process since it began; 0 where the system does not tell
}
