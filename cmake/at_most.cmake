# cmake -D FILE=… -D BYTES_MAX=… -P at_most.cmake: fails when the file is larger.
file(SIZE ${FILE} bytes)
if(bytes GREATER BYTES_MAX)
  message(FATAL_ERROR "${FILE} has ${bytes} bytes, at most ${BYTES_MAX} are allowed")
endif()
message(STATUS "${FILE}: ${bytes} of at most ${BYTES_MAX} bytes")
