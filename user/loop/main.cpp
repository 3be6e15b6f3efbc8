// loop: runs until it is killed. With an argument: that many rounds, for a load with an end.
#include <stdlib.h>

int main(int argc, char** argv) {
    long rounds = argc > 1 ? atol(argv[1]) : -1;
    for (volatile long i = 0; rounds < 0 || i < rounds; i = i + 1) {}
    return 0;
}
