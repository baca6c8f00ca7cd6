# Sourced by examples/run.sh and tests/run.sh.
# install_packages PACKAGE=PROBE ...   installs the Debian packages whose probe is missing: a command, a header (its name ends in .h or .hpp) or a file (it begins with /).
# Does nothing when all are there. Needs root or sudo only when something is missing.
install_packages() {
    local missing=() pair package probe
    for pair in "$@"; do
        package=${pair%%=*} probe=${pair#*=}
        case $probe in
            /*) [ -e "$probe" ] || missing+=("$package") ;;
            *.h | *.hpp) [ -e "/usr/include/$probe" ] || [ -e "/usr/local/include/$probe" ] || missing+=("$package") ;;
            *) command -v "$probe" >/dev/null || missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
            echo "missing packages, and neither root nor sudo to install them. Please run: apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null; then
        echo "this is not Debian: please install what these Debian packages hold: ${missing[*]}" >&2
        return 1
    fi
    echo "installing ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

build_packages=(g++=g++ cmake=cmake ninja-build=ninja libdnnl-dev=oneapi/dnnl/dnnl.hpp libjpeg-dev=jpeglib.h libpng-dev=png.h
                libcairo2-dev=cairo/cairo.h libeigen3-dev=/usr/include/eigen3/Eigen/Core libcli11-dev=CLI/CLI.hpp fonts-dejavu-core=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf)
test_packages=("${build_packages[@]}" doctest-dev=doctest/doctest.h clang=clang++ libclang-rt-dev=/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux libomp-dev=/usr/lib/llvm-14/lib/clang/14.0.6/include/omp.h libc++-dev=/usr/lib/llvm-14/include/c++/v1/version
               libbenchmark-dev=benchmark/benchmark.h python3=python3
               python3-venv=/usr/lib/python3.11/ensurepip/__init__.py openmpi-bin=mpirun libopenmpi-dev=mpicc)
