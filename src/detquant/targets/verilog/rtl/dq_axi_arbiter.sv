// Shares the reads of one AXI4 master between readers: in turns, a burst each, one id, so answers come in order.
//
// Whose a burst is stands in a queue until its last beat is there. Readers have room for what they ask for (see
// dq_axi_reader), so `rready` is always 1 and a burst costs its beats. While `halt` is 1 no further burst is asked for.
module dq_axi_arbiter #(
    parameter int BUS = 64,
    parameter int ADDRESS = 40,
    parameter int COUNT = 5,      // readers
    parameter int LOG_FLIGHT = 3  // bursts on their way
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     halt,
    output logic                     idle,
    output logic                     failed,        // one cycle: an answer is an error
    output logic                     moves,         // one cycle for each beat
    // readers
    input  logic [        COUNT-1:0] want,
    output logic [        COUNT-1:0] granted,
    input  logic [COUNT*ADDRESS-1:0] want_address,
    input  logic [      COUNT*8-1:0] want_length,
    output logic [        COUNT-1:0] beat_valid,
    output logic [          BUS-1:0] beat,
    // bus
    output logic [      ADDRESS-1:0] araddr,
    output logic [              7:0] arlen,
    output logic                     arvalid,
    input  logic                     arready,
    input  logic [          BUS-1:0] rdata,
    input  logic [              1:0] rresp,
    input  logic                     rlast,
    input  logic                     rvalid,
    output logic                     rready
);
  localparam int INDEX = COUNT > 1 ? $clog2(COUNT) : 1;

  // The first who wants, from the one behind the last who was granted.
  logic [INDEX-1:0] last, chosen;
  logic [ADDRESS-1:0] address;
  logic [7:0] length;
  logic any, room, grant;
  always_comb begin
    chosen = last;
    any = 1'b0;
    for (int turn = 1; turn <= 2 * COUNT; turn++) begin
      if (!any && turn > 32'(last) && want[turn%COUNT]) begin
        any = 1'b1;
        chosen = INDEX'(turn % COUNT);
      end
    end
    address = '0;
    length  = '0;
    for (int k = 0; k < COUNT; k++) begin
      if (32'(chosen) == k) begin
        address = want_address[ADDRESS*k+:ADDRESS];
        length  = want_length[8*k+:8];
      end
    end
  end
  assign grant = any && room && !halt && (!arvalid || arready);

  logic owned;
  logic [INDEX-1:0] owner;
  dq_fifo #(
      .WIDTH(INDEX),
      .LOG_DEPTH(LOG_FLIGHT)
  ) owners (
      .clk(clk),
      .rst(rst),
      .in_valid(grant),
      .in_ready(room),
      .in_data(chosen),
      .out_valid(owned),
      .out_ready(rvalid && rlast),
      .out_data(owner)
  );
  assign rready = 1'b1;
  assign beat = rdata;
  assign moves = rvalid;
  assign failed = rvalid && rresp[1];
  assign idle = !arvalid && !owned;

  always_comb begin
    for (int k = 0; k < COUNT; k++) begin
      granted[k] = grant && 32'(chosen) == k;
      beat_valid[k] = rvalid && 32'(owner) == k;
    end
  end

  always_ff @(posedge clk) begin
    if (arready) arvalid <= 1'b0;
    if (grant) begin
      arvalid <= 1'b1;
      araddr <= address;
      arlen <= length;
      last <= chosen;
    end
    if (rst) begin
      arvalid <= 1'b0;
      last <= '0;
    end
  end

  logic unused;
  assign unused = rresp[0];
endmodule
