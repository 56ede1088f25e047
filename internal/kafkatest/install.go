package kafkatest

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed pom.xml
var pom []byte

//go:embed log4j2.xml
var log4j []byte

// errNoJava means that real Kafka cannot run on this machine.
var errNoJava = errors.New("real Kafka needs Java 17 or newer and Maven (commands java and mvn)")

// installTimeout bounds a download of 54 MB that normally takes seconds.
const installTimeout = 5 * time.Minute

// install returns the folder with Kafka's jars and the log settings. The first
// call on a machine downloads them; several at once do so one after the other.
func install(ctx context.Context) (string, error) {
	if err := javaAndMaven(); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for Kafka: %w", err)
	}
	digest := sha256.Sum256(append(append([]byte(nil), pom...), log4j...))
	home := filepath.Join(cache, "rondo", "kafka-"+hex.EncodeToString(digest[:6]))
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(home + ".lock")
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", home, err)
	}
	defer unlock()
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	return home, resolve(ctx, home)
}

func javaAndMaven() error {
	for _, command := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(command); err != nil {
			return fmt.Errorf("%w: %w", errNoJava, err)
		}
	}
	return nil
}

// resolve fills a folder beside home and renames it when it is complete.
func resolve(ctx context.Context, home string) error {
	work, err := os.MkdirTemp(filepath.Dir(home), "resolving-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for name, content := range map[string][]byte{"pom.xml": pom, "log4j2.xml": log4j} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	maven := exec.CommandContext(ctx, "mvn", "--batch-mode", "--no-transfer-progress", "--quiet",
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(work, "libs"))
	maven.Dir = work
	var output bytes.Buffer
	maven.Stdout, maven.Stderr = &output, &output
	if err := maven.Run(); err != nil {
		return fmt.Errorf("resolve Kafka with Maven: %w\n%s", err, tail(output.Bytes(), 4000))
	}
	return os.Rename(work, home)
}

func tail(text []byte, limit int) []byte {
	return text[max(0, len(text)-limit):]
}
