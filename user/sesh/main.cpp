// sesh: a small shell. Programs with arguments, pipes, quotes, `&` for the background, and a few built-in commands.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace {
constexpr int max_words = 128, max_stages = 16, max_line = 4096;

/// A command line cut into the stages of a pipe.
struct Line {
    char* words[max_words + max_stages]; // each stage ends with a null pointer
    char** stages[max_stages];
    int stage_count = 0;
    bool background = false;
};

void say(const char* what, const char* detail) { dprintf(STDERR_FILENO, "sesh: %s: %s\n", what, detail); }

/// Cuts `text` in place. Words are separated by blanks; '...' and "..." keep theirs. False: a complaint was printed.
bool parse(char* text, Line& line) {
    int used = 0;
    bool in_stage = false;
    auto end_stage = [&] {
        if (!in_stage) return false;
        line.words[used++] = nullptr;
        in_stage = false;
        return true;
    };
    for (char* p = text; *p;) {
        if (*p == ' ' || *p == '\t' || *p == '\n') {
            p++;
        } else if (line.background) {
            say("only the end of a line may be", "&");
            return false;
        } else if (*p == '#') {
            break;
        } else if (*p == '&') {
            line.background = true;
            p++;
        } else if (*p == '|') {
            if (!end_stage()) {
                say("nothing before", "|");
                return false;
            }
            p++;
            if (!*(p + strspn(p, " \t\n"))) {
                say("nothing after", "|");
                return false;
            }
        } else {
            if (!in_stage) {
                if (line.stage_count == max_stages) {
                    say("too many", "|");
                    return false;
                }
                line.stages[line.stage_count++] = &line.words[used];
                in_stage = true;
            }
            if (used >= max_words) {
                say("too many", "words");
                return false;
            }
            char* to = p;
            line.words[used++] = to;
            char quote = 0;
            for (; *p && (quote || !strchr(" \t\n|&", *p)); p++) {
                if (quote ? *p == quote : *p == '\'' || *p == '"')
                    quote = quote ? 0 : *p;
                else
                    *to++ = *p;
            }
            if (quote) {
                say("missing", quote == '"' ? "\"" : "'");
                return false;
            }
            // The null byte may fall on the separator, which still has to be seen.
            char separator = *p;
            *to = 0;
            if (separator == '|' || separator == '&') {
                if (to == p) {
                    if (separator == '|') {
                        end_stage();
                        if (!*(p + 1 + strspn(p + 1, " \t\n"))) {
                            say("nothing after", "|");
                            return false;
                        }
                    } else
                        line.background = true;
                    p++;
                }
            } else if (separator)
                p++;
        }
    }
    end_stage();
    return true;
}

/// Replaces this process by the program: a path, or a name looked up in PATH (execve does not search).
[[noreturn]] void execute(char** words) {
    const char* name = words[0];
    int error = ENOENT;
    if (strchr(name, '/')) {
        execve(name, words, environ);
        error = errno;
    } else {
        const char* path = getenv("PATH");
        if (!path) path = "/bin:/usr/bin";
        while (*path) {
            size_t n = strcspn(path, ":");
            char full[max_line];
            if (n && snprintf(full, sizeof full, "%.*s/%s", static_cast<int>(n), path, name) <
                         static_cast<int>(sizeof full)) {
                execve(full, words, environ);
                if (errno != ENOENT) error = errno;
            }
            path += n + (path[n] == ':');
        }
    }
    say(name, strerror(error));
    _exit(error == ENOENT ? 127 : 126);
}

int status_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int run(const Line& line) {
    int input = STDIN_FILENO;
    pid_t last = -1;
    for (int i = 0; i < line.stage_count; i++) {
        int ends[2] = {-1, -1};
        bool piped = i + 1 < line.stage_count;
        if (piped && pipe(ends)) {
            say("pipe", strerror(errno));
            return 1;
        }
        last = fork();
        if (last == 0) {
            signal(SIGINT, line.background ? SIG_IGN : SIG_DFL);
            // Without job control nothing else keeps it from reading what is typed for us: POSIX, asynchronous lists.
            if (line.background && i == 0) {
                int null = open("/dev/null", O_RDONLY);
                if (null > 0) dup2(null, STDIN_FILENO), close(null);
            }
            if (input != STDIN_FILENO) {
                dup2(input, STDIN_FILENO);
                close(input);
            }
            if (piped) {
                dup2(ends[1], STDOUT_FILENO);
                close(ends[0]);
                close(ends[1]);
            }
            execute(line.stages[i]);
        }
        if (last < 0) say("fork", strerror(errno));
        if (input != STDIN_FILENO) close(input);
        if (piped) close(ends[1]);
        input = ends[0];
        if (last < 0) break;
    }
    if (input > STDIN_FILENO) close(input);
    if (last < 0) return 1;
    if (line.background) {
        printf("[%d]\n", last);
        return 0;
    }
    // Wait for every stage; the last one's status is the line's. Background children that end meanwhile are reaped too.
    int status = 0, found;
    pid_t pid;
    while ((pid = wait4(-1, &found, 0, nullptr)) > 0 || errno == EINTR)
        if (pid == last) {
            status = status_of(found);
            break;
        }
    return status;
}

void help() {
    puts("sesh: PROGRAM [ARGUMENT...] [| PROGRAM ...] [&]\n"
         "built in: help, cd [FOLDER], pwd, exit [STATUS]\n"
         "'...' and \"...\" keep blanks; # starts a comment; & runs in the background");
}

/// Runs a built-in command. False: it is none.
bool built_in(char** words, int& status) {
    const char* name = words[0];
    status = 0;
    if (!strcmp(name, "help"))
        help();
    else if (!strcmp(name, "exit"))
        exit(words[1] ? atoi(words[1]) : 0);
    else if (!strcmp(name, "cd")) {
        const char* to = words[1] ? words[1] : "/";
        if (chdir(to)) {
            say(to, strerror(errno));
            status = 1;
        }
    } else if (!strcmp(name, "pwd")) {
        char path[max_line];
        if (getcwd(path, sizeof path))
            puts(path);
        else
            say("pwd", strerror(errno));
    } else
        return false;
    return true;
}

int execute_line(char* text) {
    Line line;
    if (!parse(text, line)) return 2;
    if (line.stage_count == 0) return 0;
    int status;
    if (line.stage_count > 1 || line.background || !built_in(line.stages[0], status)) status = run(line);
    fflush(stdout);
    return status;
}
} // namespace

int main(int argc, char** argv) {
    char text[max_line];
    if (argc == 3 && !strcmp(argv[1], "-c")) {
        snprintf(text, sizeof text, "%s", argv[2]);
        return execute_line(text);
    }
    bool interactive = isatty(STDIN_FILENO);
    setvbuf(stdin, nullptr, _IONBF, 0); // a child must find the rest of the input where we stopped reading
    signal(SIGINT, SIG_IGN);
    int status = 0;
    for (;;) {
        while (waitpid(-1, nullptr, WNOHANG) > 0) {}
        if (interactive) {
            fputs("sesh> ", stdout);
            fflush(stdout);
        }
        if (!fgets(text, sizeof text, stdin)) break;
        status = execute_line(text);
    }
    return status;
}
