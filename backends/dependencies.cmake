# The libraries that Regulus stands on, as targets; read by the build and, once installed, by find_package(regulus).
#
#   regulus_find_dnnl()      DNNL::dnnl       oneDNN 2.6 or later
#   regulus_find_pictures()  JPEG::JPEG, PNG::PNG, Cairo::cairo
#
# Each says in a variable of its caller whether all was found: REGULUS_HAS_DNNL, REGULUS_HAS_PICTURES.

macro(regulus_find_dnnl)
    set(REGULUS_HAS_DNNL FALSE)
    find_package(OpenMP QUIET COMPONENTS CXX)
    if(NOT TARGET DNNL::dnnl)
        # Debian's package configuration asks for OpenCL's headers too, which nothing here uses: the header and the library are enough.
        find_path(REGULUS_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp HINTS ENV DNNLROOT PATH_SUFFIXES include)
        find_library(REGULUS_DNNL_LIBRARY NAMES dnnl HINTS ENV DNNLROOT PATH_SUFFIXES lib)
        mark_as_advanced(REGULUS_DNNL_INCLUDE REGULUS_DNNL_LIBRARY)
        if(REGULUS_DNNL_INCLUDE AND REGULUS_DNNL_LIBRARY)
            add_library(DNNL::dnnl UNKNOWN IMPORTED)
            set_target_properties(DNNL::dnnl PROPERTIES
                IMPORTED_LOCATION "${REGULUS_DNNL_LIBRARY}"
                INTERFACE_INCLUDE_DIRECTORIES "${REGULUS_DNNL_INCLUDE}")
        endif()
    endif()
    if(TARGET DNNL::dnnl AND OpenMP_CXX_FOUND)
        set(REGULUS_HAS_DNNL TRUE)
    endif()
endmacro()

macro(regulus_find_pictures)
    set(REGULUS_HAS_PICTURES FALSE)
    find_package(JPEG QUIET)
    find_package(PNG QUIET)
    if(NOT TARGET Cairo::cairo)
        find_path(REGULUS_CAIRO_INCLUDE cairo/cairo.h)
        find_library(REGULUS_CAIRO_LIBRARY NAMES cairo)
        mark_as_advanced(REGULUS_CAIRO_INCLUDE REGULUS_CAIRO_LIBRARY)
        if(REGULUS_CAIRO_INCLUDE AND REGULUS_CAIRO_LIBRARY)
            add_library(Cairo::cairo UNKNOWN IMPORTED)
            set_target_properties(Cairo::cairo PROPERTIES
                IMPORTED_LOCATION "${REGULUS_CAIRO_LIBRARY}"
                INTERFACE_INCLUDE_DIRECTORIES "${REGULUS_CAIRO_INCLUDE};${REGULUS_CAIRO_INCLUDE}/cairo")
        endif()
    endif()
    if(JPEG_FOUND AND PNG_FOUND AND TARGET Cairo::cairo)
        set(REGULUS_HAS_PICTURES TRUE)
    endif()
endmacro()
