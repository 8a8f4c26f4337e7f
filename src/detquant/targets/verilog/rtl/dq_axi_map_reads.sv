// Reads words of maps: a word of the engine is a beat of the bus, in order, one id.
//
// Requests for words that lie behind one another become one burst, as long as no boundary of 4 KiB is met: a request
// waits one cycle for the next one, and gathers more while the bus makes it wait. A window of 3 columns so costs one
// burst of 3; a convolution of 1 x 1 over several groups, whose words lie apart, one burst for each. A request is on the
// bus two cycles after it was made, its word is at the engine in the cycle in which the bus has it.
//
// While `hold` is 1 no request is taken: the engine's next instruction waits for the writes of the one before.
module dq_axi_map_reads #(
    parameter int WORD = 32,      // bits of a word, and of the bus
    parameter int PLACE = 16,     // bits of an address of a word
    parameter int ADDRESS = 40,   // bits of an address of a byte
    parameter int LOG_BURST = 4,  // most beats of a burst
    parameter int LOG_FLIGHT = 5  // most words that are on their way
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               hold,
    output logic               idle,
    output logic               failed,       // one cycle: an answer is an error
    input  logic               drop,         // nobody takes the answers
    input  logic [ADDRESS-1:0] base,         // a multiple of 4096
    // engine
    input  logic               ask_valid,
    output logic               ask_ready,
    input  logic [  PLACE-1:0] ask_address,
    output logic               read_valid,
    input  logic               read_ready,
    output logic [   WORD-1:0] read_data,
    // bus
    output logic [ADDRESS-1:0] araddr,
    output logic [        7:0] arlen,
    output logic               arvalid,
    input  logic               arready,
    input  logic [   WORD-1:0] rdata,
    input  logic [        1:0] rresp,
    input  logic               rvalid,
    output logic               rready
);
  localparam int LOG_BYTES = $clog2(WORD / 8);
  localparam int INSIDE = 12 - LOG_BYTES;  // bits of a word's number within 4 KiB

  logic gathered, longer, issue, take;
  logic [PLACE-1:0] first, following;  // of what is gathered: its address, and the one that would extend it
  logic [7:0] length;
  logic [LOG_FLIGHT:0] flight;

  assign longer = ask_address == following && INSIDE'(ask_address) != '0 && 32'(length) != (1 << LOG_BURST) - 1;
  assign ask_ready = !hold && !flight[LOG_FLIGHT] && (!gathered || longer || !arvalid || arready);
  assign take = ask_valid && ask_ready;
  assign issue = gathered && (!arvalid || arready) && !(take && longer);

  assign read_valid = rvalid && !drop;
  assign read_data = rdata;
  assign rready = read_ready || drop;
  assign failed = rvalid && rready && rresp[1];
  assign idle = flight == '0;

  always_ff @(posedge clk) begin
    if (arready) arvalid <= 1'b0;
    if (issue) begin
      arvalid <= 1'b1;
      araddr <= base + (ADDRESS'(first) << LOG_BYTES);
      arlen <= length;
      gathered <= 1'b0;
    end
    if (take) begin
      gathered  <= 1'b1;
      following <= ask_address + 1'b1;
      if (gathered && longer) begin
        length <= length + 1'b1;
      end else begin
        first  <= ask_address;
        length <= '0;
      end
    end
    if (take != (rvalid && rready)) flight <= take ? flight + 1'b1 : flight - 1'b1;
    if (rst) begin
      arvalid  <= 1'b0;
      gathered <= 1'b0;
      flight   <= '0;
    end
  end

  logic unused;
  assign unused = rresp[0];
endmodule
