//go:build race

package sched_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const plantedRace = "FORESHORE_PLANTED_RACE"

// A frame that is taken without a shootdown is a race, and the detector says
// so: what it does not report elsewhere is not there.
func TestPlantedRace(t *testing.T) {
	if os.Getenv(plantedRace) != "" {
		shootdownRounds(t, 300, false)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPlantedRace$")
	cmd.Env = append(os.Environ(), plantedRace+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "DATA RACE") {
		t.Errorf("the planted race was not reported (%v):\n%s", err, out)
	}
}
