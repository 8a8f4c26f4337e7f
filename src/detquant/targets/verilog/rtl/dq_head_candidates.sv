// Candidates: of all pairs of cell and class whose code reaches the threshold, the first of the total order, as many as
// `capacity` says.
//
// Higher code first, of equal codes the lower cell, of equal cells the lower class; as `detquant.integer.head.candidates`
// says. The three are one number, {code, ~cell, ~class} with the code's sign turned around, larger where better, and no
// two pairs are equal: so what is kept does not depend on the order in which pairs come.
//
// They are kept as a heap with the worst at its root, place 1, the children of place p at 2p and 2p + 1, in one memory
// of a reading and a writing port. Where the heap is full, a better pair takes the root's place, and one of the two is
// counted as left out. After the last pair the heap is sorted in place, worst to the end, and given from place 1 on,
// then a word more with `found_end`, which is no candidate: a list may be empty. Then the next list may come.
//
// Cycles: 1 for a pair that is not kept; 2 + 2 log2(PLACES) at most for one that finds a free place, 2 + 3 log2(PLACES)
// for one that takes the root's; 3 + 3 log2(n) for each of n to be sorted; 2 for each that is given.
module dq_head_candidates #(
    parameter int PLACES = 1024,
    parameter int BITS = 8,      // of a code
    parameter int CELL = 14,     // of the number of a cell
    parameter int CLASS = 7,     // of the number of a class
    parameter int INDEX = $clog2(PLACES + 1)  // not to be set
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic signed [BITS:0]   threshold,  // may be one more than the largest code
    input  logic [      INDEX-1:0] capacity,   // places that are used, 1 to PLACES
    // pairs
    input  logic                   pair_valid,
    output logic                   pair_ready,
    input  logic                   pair_last,  // of the image
    input  logic signed [BITS-1:0] pair_code,
    input  logic [       CELL-1:0] pair_cell,
    input  logic [      CLASS-1:0] pair_class,
    // candidates, best first
    output logic                   found_valid,
    input  logic                   found_ready,
    output logic                   found_end,
    output logic signed [BITS-1:0] found_code,
    output logic [       CELL-1:0] found_cell,
    output logic [      CLASS-1:0] found_class,
    output logic [           31:0] left_out    // holds beside found_end
);
  localparam int KEY = BITS + CELL + CLASS;
  localparam logic [3:0] TAKE = 4'd0, UP_ASK = 4'd1, UP_SEE = 4'd2, DOWN_LEFT = 4'd3, DOWN_RIGHT = 4'd4,
      DOWN_SEE = 4'd5, SORT_ASK = 4'd6, SORT_SEE = 4'd7, GIVE_ASK = 4'd8, GIVE = 4'd9, END = 4'd10;

  logic [3:0] state, after;  // after the pair or the step of sorting: TAKE or SORT_ASK
  logic [KEY-1:0] keys[0:PLACES];  // place 0 stays empty
  logic [KEY-1:0] seen, root, held, left, pair, written;
  logic [INDEX-1:0] hole, count, size, asked, child, write_place;
  logic [INDEX:0] left_place, right_place;
  logic write, is_last, reaches, full, right_less;

  assign pair = {!pair_code[BITS-1], pair_code[BITS-2:0], ~pair_cell, ~pair_class};
  assign reaches = (BITS + 1)'(pair_code) >= threshold;
  assign full = count == capacity;
  assign pair_ready = state == TAKE;
  assign found_valid = state == GIVE || state == END;
  assign found_end = state == END;
  assign {found_code, found_cell, found_class} = {!seen[KEY-1], seen[KEY-2:CELL+CLASS], ~seen[CELL+CLASS-1:0]};

  assign after = is_last ? SORT_ASK : TAKE;
  assign left_place = {hole, 1'b0};
  assign right_place = {hole, 1'b1};
  assign right_less = right_place <= {1'b0, size} && seen < left;
  assign child = right_less ? right_place[INDEX-1:0] : left_place[INDEX-1:0];

  // ---- the memory
  always_comb begin
    case (state)
      UP_ASK: asked = hole >> 1;
      DOWN_LEFT: asked = left_place[INDEX-1:0];
      DOWN_RIGHT: asked = right_place <= {1'b0, size} ? right_place[INDEX-1:0] : '0;
      SORT_ASK: asked = size;
      default: asked = hole;  // what is given
    endcase
    write = 1'b0;
    write_place = hole;
    written = held;
    case (state)
      UP_ASK: write = hole == INDEX'(1);
      UP_SEE: begin
        write = 1'b1;
        if (held < seen) written = seen;
      end
      DOWN_LEFT: write = left_place > {1'b0, size};
      DOWN_SEE: begin
        write = 1'b1;
        if (right_less) begin
          if (seen < held) written = seen;
        end else if (left < held) written = left;
      end
      SORT_SEE: begin
        write = 1'b1;
        write_place = size;
        written = root;
      end
      default: write = 1'b0;
    endcase
  end

  always_ff @(posedge clk) begin
    if (write) keys[write_place] <= written;
    seen <= keys[asked];
    if (write && write_place == INDEX'(1)) root <= written;
  end

  // ---- the walk
  always_ff @(posedge clk) begin
    if (rst) begin
      state <= TAKE;
      count <= '0;
      left_out <= '0;
    end else begin
      case (state)
        TAKE: begin
          size <= full ? count : count + 1'b1;
          is_last <= pair_last;
          held <= pair;
          if (pair_valid) begin
            if (reaches && !full) begin
              count <= count + 1'b1;
              hole  <= count + 1'b1;
              state <= UP_ASK;
            end else begin
              if (reaches) left_out <= left_out + 1'b1;
              if (reaches && pair > root) begin
                hole  <= INDEX'(1);
                state <= DOWN_LEFT;
              end else if (pair_last) begin
                size  <= count;
                state <= SORT_ASK;
              end
            end
          end
        end
        UP_ASK: state <= hole == INDEX'(1) ? after : UP_SEE;
        UP_SEE: begin
          hole  <= hole >> 1;
          state <= held < seen ? UP_ASK : after;
        end
        DOWN_LEFT: state <= left_place > {1'b0, size} ? after : DOWN_RIGHT;
        DOWN_RIGHT: begin
          left  <= seen;
          state <= DOWN_SEE;
        end
        DOWN_SEE: begin
          hole  <= child;
          state <= (right_less ? seen : left) < held ? DOWN_LEFT : after;
        end
        SORT_ASK: begin
          hole <= INDEX'(1);
          if (size >> 1 != '0) state <= SORT_SEE;
          else state <= count == '0 ? END : GIVE_ASK;
        end
        SORT_SEE: begin
          held  <= seen;
          size  <= size - 1'b1;
          state <= DOWN_LEFT;
        end
        GIVE_ASK: state <= GIVE;
        GIVE: begin
          if (found_ready) begin
            hole  <= hole + 1'b1;
            state <= hole == count ? END : GIVE_ASK;
          end
        end
        default: begin
          if (found_ready) begin
            count <= '0;
            left_out <= '0;
            state <= TAKE;
          end
        end
      endcase
    end
  end
endmodule
