/* pageview.tsx -- one navigation as the browser saw it, out of the address itself: the toolbar hands it over, nothing is stored, and the link shows it to
 * others. */
import { useMemo } from "preact/hooks";
import { decodeView, sentenceOf, serverOf } from "../model/pageview";
import { showCount, showMoment } from "../model/show";
import { Moments, Waterfall } from "../views/waterfall";
import { Answer, Empty } from "./parts";
import { useWhere } from "./use";

export function PageViewPage() {
  const { where, link } = useWhere();
  const view = useMemo(() => decodeView(where.words.v ?? ""), [where.words.v]);
  if (!view) {
    return <Empty>This address holds no page view: the toolbar's “share” makes one.</Empty>;
  }
  return (
    <>
      <Answer aside={<>{showMoment(view.at)}, as one browser saw it</>}>
        {view.path}: {sentenceOf(view)}.
      </Answer>
      <Moments view={view} server_ms={serverOf(view)} />
      <Waterfall view={view} link={(id) => link("request", { id })} />
      {view.left_out > 0 && <p class="note">and {showCount(view.left_out)} shorter ones</p>}
    </>
  );
}
