// Notebook widget: messages posted by the page with the same key become the widget's value.

export default {
  initialize({ model }) {
    const take = ({ data }) => {
      if (data?.handgrad !== model.get("key") || !ArrayBuffer.isView(data.weights)) return;
      const { buffer, byteOffset, byteLength } = data.weights;
      model.set("weights", new DataView(buffer, byteOffset, byteLength));
      model.save_changes();
    };
    window.addEventListener("message", take);
    return () => window.removeEventListener("message", take);
  },
};
