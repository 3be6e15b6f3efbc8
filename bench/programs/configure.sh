# A thousand commands such as a configure script runs: most of them the shell's own, about one in four a program.
found=
n=0
while [ $n -lt 50 ]; do
    n=$((n + 1))
    name=feature_$n
    case $name in
    *[!a-z0-9_]*) exit 1 ;;
    esac
    cat > conftest.c <<EOF
#define HAVE_$name 1
int main(void) { return $name(); }
EOF
    test -s conftest.c || exit 1
    upper=$(echo "$name" | tr a-z A-Z)
    if grep -q "HAVE_$name" conftest.c && [ -n "$upper" ]; then
        found="$found $name"
        echo "#define HAVE_$upper 1" >> confdefs.h
    fi
    sed -e "s/$name/$upper/g" conftest.c > conftest.out
    cmp -s conftest.c conftest.out && exit 1
    expr "$n" % 2 > /dev/null || :
    eval "cache_$name=yes"
    eval "value=\$cache_$name"
    [ "$value" = yes ] || exit 1
    rm -f conftest.c conftest.out
done
set -- $found
[ $# -eq 50 ] || exit 1
rm -f confdefs.h
