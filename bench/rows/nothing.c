// The program that rows of exec start: it ends at once.
int main(void) { return 0; }
