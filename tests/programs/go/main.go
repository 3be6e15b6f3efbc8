// A static Go program: goroutines over several threads, channels, timers, the garbage collector, files and os/exec.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

func main() {
	runtime.GOMAXPROCS(4)
	results := make(chan int)
	var group sync.WaitGroup
	for i := 0; i < 50; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			total := 0
			for k := 0; k < 10000; k++ {
				total += k % (n + 1)
			}
			results <- total
		}(i)
	}
	go func() { group.Wait(); close(results) }()
	sum := 0
	for r := range results {
		sum += r
	}
	fmt.Println("sum", sum)

	garbage := 0
	for i := 0; i < 200; i++ {
		block := make([]byte, 1<<20)
		block[i] = 1
		garbage += len(block)
	}
	runtime.GC()
	fmt.Println("allocated", garbage)

	start := time.Now()
	select {
	case <-time.After(30 * time.Millisecond):
	}
	fmt.Println("slept", time.Since(start) >= 30*time.Millisecond)

	fmt.Printf("%x\n", sha256.Sum256([]byte("rundlet")))
	if err := os.WriteFile("go-file", []byte(strings.Repeat("line\n", 1000)), 0o644); err != nil {
		fmt.Println(err)
	}
	info, err := os.Stat("go-file")
	fmt.Println(info.Size(), info.Mode(), err)
	os.Remove("go-file")
	_, err = os.Open("/nonexistent")
	fmt.Println(err)
	words := []string{"pear", "apple", "fig"}
	sort.Strings(words)
	fmt.Println(words)
	out, err := exec.Command("sh", "-c", "echo from a child; exit 3").CombinedOutput()
	fmt.Printf("%q %v\n", out, err)
	defer func() { fmt.Println("recovered:", recover()); os.Exit(4) }()
	var nothing *strings.Builder
	nothing.WriteString("a nil pointer: SIGSEGV becomes a panic")
}
