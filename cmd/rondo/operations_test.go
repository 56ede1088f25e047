package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"rondo/internal/kafkatest"
)

const operationsPage = "../../docs/operations.md"

// table returns the rows of the table in a page whose first column is called
// head.
func table(t *testing.T, page, head string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, page), "\n| "+head+" |")
	if !found {
		t.Fatalf("%s has no table of %s", page, head)
	}
	var rows [][]string
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		rows = append(rows, row)
	}
	return rows
}

func TestDocumentationListsEveryExitCode(t *testing.T) {
	var documented []string
	for _, row := range table(t, operationsPage, "Code") {
		documented = append(documented, row[0])
	}
	inSource := regexp.MustCompile(`(?m)^\texit\w+ += (\d+)`)
	var defined []string
	for _, m := range inSource.FindAllStringSubmatch(read(t, "exit.go"), -1) {
		defined = append(defined, m[1])
	}
	if strings.Join(documented, " ") != strings.Join(defined, " ") || len(defined) < 5 {
		t.Errorf("documented %v, defined %v", documented, defined)
	}
}

func TestDocumentationListsEveryCommand(t *testing.T) {
	page := read(t, operationsPage)
	for _, c := range commands() {
		if !strings.Contains(page, "`rondo "+c.Name()) {
			t.Errorf("rondo %s is not in %s", c.Name(), operationsPage)
		}
	}
}

// permissions are the rows of the page as ACLs of an application.
func permissions(t *testing.T, app string) []kfake.ACL {
	t.Helper()
	operations := map[string]kmsg.ACLOperation{
		"Read": kmsg.ACLOperationRead, "Write": kmsg.ACLOperationWrite, "DescribeConfigs": kmsg.ACLOperationDescribeConfigs,
	}
	resources := map[string]kmsg.ACLResourceType{
		"topic": kmsg.ACLResourceTypeTopic, "group": kmsg.ACLResourceTypeGroup, "transactional id": kmsg.ACLResourceTypeTransactionalId,
	}
	var out []kfake.ACL
	for _, row := range table(t, operationsPage, "Resource") {
		names, pattern := namesOf(row[1], app)
		for _, name := range names {
			for operation := range strings.SplitSeq(row[2], ", ") {
				if operations[operation] == 0 || resources[row[0]] == 0 {
					t.Fatalf("row %v is not understood", row)
				}
				out = append(out, kfake.ACL{Resource: resources[row[0]], Name: name, Pattern: pattern, Operation: operations[operation], Allow: true})
			}
		}
	}
	return out
}

// namesOf reads the second column of the page's table of permissions.
func namesOf(cell, app string) ([]string, kmsg.ACLResourcePatternType) {
	switch {
	case strings.Contains(cell, "reads"):
		return []string{"parcel.orders", "parcel.events"}, kmsg.ACLResourcePatternTypeLiteral
	case strings.Contains(cell, "writes"):
		return []string{"parcel.commands"}, kmsg.ACLResourcePatternTypeLiteral
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(cell, "`"), "`")
	name = strings.Replace(name, "APP", app, 1)
	if strings.Contains(rest, "begins") {
		return []string{name}, kmsg.ACLResourcePatternTypePrefixed
	}
	return []string{name}, kmsg.ACLResourcePatternTypeLiteral
}

func TestTheDocumentedPermissionsAreEnoughForANode(t *testing.T) {
	acls := permissions(t, "shop")
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("PLAIN", "node", "node", acls...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	folder(t, map[string]string{"parcel.yaml": parcelFile})
	login := func(user string) {
		t.Setenv("PASSWORD", user)
		write(t, "rondo.yaml", fmt.Sprintf(`app: shop
brokers: [%s]
partitions: 2
replication: 1
definitions: parcel.yaml
http: {listen: '127.0.0.1:0'}
sasl: {mechanism: plain, user: %s, password: '${env:PASSWORD}'}
sources: {parcel.orders: {from: earliest}}
`, cluster.ListenAddrs()[0], user))
	}

	login("node")
	if r := rondo(t, "topics", "apply", "--yes"); r.code != exitLogin || !strings.Contains(r.stderr, "do not allow it (TOPIC_AUTHORIZATION_FAILED): give user node the missing permission") {
		t.Errorf("apply without the permission: %+v", r)
	}
	login("admin")
	if r := rondo(t, "topics", "apply", "--yes"); r.code != exitDone {
		t.Fatalf("apply: %+v", r)
	}
	login("node")
	if r := rondo(t, "deploy", "parcel.yaml"); r.code != exitDone {
		t.Errorf("deploy: %+v", r)
	}
	node := start(t, "serve")
	node.eventually(t, "the node is ready", func() bool {
		address := httpAddress.FindString(node.stderr.String())
		return address != "" && ready(address)
	})
	admin := kgo.SASL(plain.Auth{User: "admin", Pass: "admin"}.AsMechanism())
	exchange(t, &kafkatest.Cluster{Addrs: cluster.ListenAddrs()}, "parcel", admin)
	if code := node.end(t); code != exitDone {
		t.Errorf("stopped with exit code %d", code)
	}
	for _, bad := range []string{"AUTHORIZATION", "level=WARN", "level=ERROR"} {
		for line := range strings.Lines(node.stderr.String()) {
			if strings.Contains(line, bad) && !strings.Contains(line, "plain without tls") {
				t.Errorf("the log says %s", line)
			}
		}
	}
}
