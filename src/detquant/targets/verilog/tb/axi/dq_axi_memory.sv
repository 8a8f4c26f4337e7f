// A port of the test bench's memory, as unkind as AXI allows: every channel waits as it likes, a read gives what memory
// had when it was asked for, a write is there only when it is answered. Answers come in order.
//
// The memory itself is `dq_axi_testbench.bytes`, at ORIGIN; what lies elsewhere is answered with DECERR. While
// `fail_read` or `fail_write` is 1, answers are SLVERR.
module dq_axi_memory #(
    parameter int WIDTH = 64,
    parameter int ADDRESS = 40,
    parameter int LOG_MEMORY = 20,
    parameter logic [63:0] ORIGIN = 64'h0,
    parameter int SALT = 1
) (
    input  logic               clk,
    input  logic               rst,
    input  int                 seed,
    input  int                 stall,
    input  logic               fail_read,
    input  logic               fail_write,
    input  logic [ADDRESS-1:0] araddr,
    input  logic [        7:0] arlen,
    input  logic               arvalid,
    output logic               arready,
    output logic [  WIDTH-1:0] rdata,
    output logic [        1:0] rresp,
    output logic               rlast,
    output logic               rvalid,
    input  logic               rready,
    input  logic [ADDRESS-1:0] awaddr,
    input  logic [        7:0] awlen,
    input  logic               awvalid,
    output logic               awready,
    input  logic [  WIDTH-1:0] wdata,
    input  logic [WIDTH/8-1:0] wstrb,
    input  logic               wlast,
    input  logic               wvalid,
    output logic               wready,
    output logic [        1:0] bresp,
    output logic               bvalid,
    input  logic               bready
);
  localparam int BYTES = WIDTH / 8;
  localparam int LOG_QUEUE = 10;  // beats on their way
  localparam int LATENCY = 6, ANSWER = 24;  // least cycles until a read, a write is answered

  // ---- chance: a generator of its own for each channel (xorshift)
  logic [31:0] noise[0:4];
  logic [4:0] waits;
  always @(posedge clk) begin
    for (int k = 0; k < 5; k++) begin
      noise[k] <= rst ? 32'(seed * 11 + SALT * 5 + k + 1) * 32'd2654435761 | 32'd1 : shuffled(noise[k]);
      waits[k] <= !rst && noise[k][30:0] % 100 < 31'(stall);
    end
  end
  function automatic logic [31:0] shuffled(input logic [31:0] word);
    shuffled = word ^ (word << 13);
    shuffled = shuffled ^ (shuffled >> 17);
    shuffled = shuffled ^ (shuffled << 5);
  endfunction

  function automatic logic reaches(input logic [63:0] address);
    reaches = (address >> LOG_MEMORY) == (ORIGIN >> LOG_MEMORY);
  endfunction

  // ---- reads: the beats of a burst lie in a queue from when it is asked for
  logic [WIDTH+2:0] answers[0:(1<<LOG_QUEUE)-1];  // response, last, data
  int due[0:(1<<LOG_QUEUE)-1];
  int asked, answered, now;
  logic [63:0] from;
  logic [WIDTH-1:0] word;
  assign arready = !waits[0] && asked - answered < (1 << LOG_QUEUE) - 256;
  always @(posedge clk) begin
    if (rst) begin
      asked = 0;
      answered = 0;
      now = 0;
      rvalid <= 1'b0;
    end else begin
      now = now + 1;
      if (arvalid && arready) begin
        for (int k = 0; k <= 32'(arlen); k++) begin
          from = 64'(araddr) + 64'(k * BYTES);
          for (int b = 0; b < BYTES; b++) begin
            word[8*b+:8] = dq_axi_testbench.bytes[LOG_MEMORY'(from+64'(b))];
          end
          answers[asked%(1<<LOG_QUEUE)] = {fail_read ? 2'b10 : reaches(from) ? 2'b00 : 2'b11, k == 32'(arlen), word};
          due[asked%(1<<LOG_QUEUE)] = now + LATENCY;
          asked = asked + 1;
        end
      end
      if (!rvalid || rready) begin
        rvalid <= 1'b0;
        if (asked != answered && !waits[1] && due[answered%(1<<LOG_QUEUE)] <= now) begin
          rvalid <= 1'b1;
          {rresp, rlast, rdata} <= answers[answered%(1<<LOG_QUEUE)];
          answered = answered + 1;
        end
      end
    end
  end

  // ---- writes: they happen when they are answered
  logic [ADDRESS-1:0] places[0:15];
  logic [7:0] lengths[0:15];
  int answerable[0:15];
  logic [WIDTH*9/8-1:0] given[0:255];  // strobes, data
  int addressed, filled, written, taken;  // bursts; beats, bursts and beats that are done
  logic [63:0] place;
  logic fine;
  assign awready = !waits[2] && addressed - written < 16;
  assign wready  = !waits[3] && filled - taken < 200;
  always @(posedge clk) begin
    if (rst) begin
      addressed = 0;
      filled = 0;
      written = 0;
      taken = 0;
      bvalid <= 1'b0;
    end else begin
      if (awvalid && awready) begin
        places[addressed%16] = awaddr;
        lengths[addressed%16] = awlen;
        answerable[addressed%16] = now + ANSWER;
        addressed = addressed + 1;
      end
      if (wvalid && wready) begin
        given[filled%256] = {wstrb, wdata};
        filled = filled + 1;
      end
      if (!bvalid || bready) begin
        bvalid <= 1'b0;
        if (addressed != written && filled - taken > 32'(lengths[written%16]) && !waits[4] &&
            answerable[written%16] <= now) begin
          fine = reaches(64'(places[written%16]));
          for (int k = 0; k <= 32'(lengths[written%16]); k++) begin
            for (int b = 0; b < BYTES; b++) begin
              place = 64'(places[written%16]) + 64'(k * BYTES) + 64'(b);
              if (given[taken%256][WIDTH+b] && fine && !fail_write) begin
                dq_axi_testbench.bytes[LOG_MEMORY'(place)] = given[taken%256][8*b+:8];
              end
            end
            taken = taken + 1;
          end
          written = written + 1;
          bvalid <= 1'b1;
          bresp <= fail_write ? 2'b10 : fine ? 2'b00 : 2'b11;
        end
      end
    end
  end

  logic unused;
  assign unused = wlast;
endmodule
