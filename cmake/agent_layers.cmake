# cmake -D ARCHITECTURES=amd64,… -D FOLDER=build/agent -P agent_layers.cmake: of every agent a layer of an image, and
# FOLDER/agent_layers.c, which has them and their digests in it (harness/run/agent_layers.h).
# The same program makes the same bytes: no times, no users.
string(REPLACE "," ";" ARCHITECTURES "${ARCHITECTURES}")
set(blobs "")
set(rows "")
foreach(architecture IN LISTS ARCHITECTURES)
  set(binary ${FOLDER}/${architecture}/falsestart-agent)
  set(layer ${FOLDER}/${architecture}/layer.tar)
  execute_process(COMMAND tar --create --file ${layer} --directory ${FOLDER}/${architecture} --format=ustar --mtime=@0
    --owner=0 --group=0 --numeric-owner --mode=0555 --transform=s,.*,agent, falsestart-agent COMMAND_ERROR_IS_FATAL ANY)
  file(SHA256 ${binary} program_digest)
  file(SHA256 ${layer} layer_digest)
  file(SIZE ${layer} length)
  string(APPEND blobs "
extern const unsigned char agent_layer_${architecture}[];
__asm__(\".section .rodata\\n\"
	\".globl agent_layer_${architecture}\\n\"
	\"agent_layer_${architecture}:\\n\"
	\".incbin \\\"${layer}\\\"\\n\"
	\".previous\\n\");
")
  string(APPEND rows "	{
		.architecture = \"${architecture}\",
		.program_digest = \"${program_digest}\",
		.layer_digest = \"${layer_digest}\",
		.tar = agent_layer_${architecture},
		.length = ${length},
	},
")
endforeach()
file(WRITE ${FOLDER}/agent_layers.c "#include \"run/agent_layers.h\"
${blobs}
const struct agent_layer agent_layers[] = {
${rows}	{ .architecture = NULL },
};
")
