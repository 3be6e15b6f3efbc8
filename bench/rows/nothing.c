// The program that rows of exec and of containers start: it ends at once, or, given an argument, never.
#include <unistd.h>

int main(int count, char** arguments) {
    (void)arguments;
    while (count > 1) pause();
    return 0;
}
